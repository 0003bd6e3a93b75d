# SPDX-License-Identifier: EUPL-1.2
"""The office keeps tokens beside what they are over, and judges each itself."""

import hashlib
import json
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.timerenewal import Renewed, list_text
from lakzegel_core.timetoken import fingerprint
from lakzegel_office.errors import MissingError
from lakzegel_office.mirror import Mirror
from lakzegel_office.verification import Verifier
from tests.tsa import OPENSSL, Authority, certificate, openssl_verifies, stamping

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
TIME = 1_700_000_000  # long ago: a time that lies ahead is another matter
ORIGIN = "log.example/test"


class Tokens:
    """What the receiver hands out of timestamps."""

    def __init__(self, authority):
        self.authority = authority
        self.root = fingerprint(authority.root[1])
        self.listed = []
        self.files = {f"{self.root}.pem": authority.root[1].public_bytes(Encoding.PEM)}
        self.asked = []

    def stamp(self, name, data):
        request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256)
        answer = self.authority.reply(request.build().as_bytes())
        end = "list" if name.startswith("renewal") else "checkpoint"
        self.files |= {f"{name}.{end}": data, f"{name}.tsr": answer}
        self.listed.append({"name": name, "time": TIME + len(self.listed), "root": self.root})
        return answer

    def timestamps(self, since, after):
        self.asked.append((since, after))
        names = [entry["name"] for entry in self.listed]
        start = names.index(after) + 1 if after else 0
        found = self.listed[start : start + 2]
        return json.dumps({"timestamps": found, "more": len(names) > start + 2}).encode()

    def timestamp(self, file):
        if file not in self.files:
            raise MissingError(file)
        return self.files[file]


@pytest.fixture
def tokens(tmp_path, world, device):
    device.send_files({"cur/1": b"een"})
    made = Tokens(Authority(tmp_path / "tsa"))
    world.receiver.timestamps, world.receiver.timestamp = made.timestamps, made.timestamp
    return made


def doubts(world):
    return [str(d) for d in verified(world).doubts]


def verified(world):
    return Verifier(Mirror(world.home.mirror), world.config, lambda _: None).run()


def size(world):
    return len(world.receiver.log)


def stamped(world, tokens):
    """A token over the newest checkpoint, pulled."""
    name = f"{size(world)}-first"
    tokens.stamp(name, world.receiver.checkpoint())
    assert world.pull().doubts == []
    return name


def test_a_pulled_token_is_proven_by_verify_and_by_openssl(world, tokens, capsys):
    name = stamped(world, tokens)
    folder = world.home.mirror / "timestamps"
    assert openssl_verifies(folder, name)
    assert doubts(world) == []
    assert world.run("verify", "--quiet") == 0
    assert f"the first {size(world)} entries existed at 20" in capsys.readouterr().out
    assert world.run("verify", "--json") == 0
    said = json.loads(capsys.readouterr().out)["timestamps"]
    assert (said["tokens"], said["size"], said["root"]) == (1, size(world), tokens.root)


def test_pages_are_followed_and_later_pulls_look_a_day_back(world, tokens):
    for number in range(1, size(world) + 1):
        tree = Checkpoint(ORIGIN, number, world.receiver.root(number))
        keys = (world.receiver.ed25519, world.receiver.mldsa)
        tokens.stamp(f"{number}-first", sign_checkpoint(tree, *keys, now=TIME))
    assert world.pull().doubts == []
    assert tokens.asked[0] == (0, None)
    assert len(tokens.asked) > 1
    assert verified(world).times.tokens == size(world)
    asked = len(tokens.asked)
    assert world.pull().doubts == []
    assert tokens.asked[asked] == (TIME + size(world) - 1 - 86_400, None)


def test_a_time_that_lies_ahead_keeps_no_later_token_away(world, tokens):
    stamped(world, tokens)
    tokens.listed[0]["time"] = 1 << 60
    assert world.pull().doubts == []
    world.pull()
    assert tokens.asked[-1][0] < time.time()


def test_a_token_over_more_than_is_mirrored_waits_for_the_next_pull(world, tokens, device):
    tokens.listed.append({"name": f"{size(world) + 9}-first", "time": TIME, "root": tokens.root})
    assert world.pull().doubts == []


@pytest.mark.parametrize("kind", ["fork", "other bytes", "flipped", "no root", "missing", "number"])
def test_what_does_not_hold_is_told_and_never_comes_into_the_mirror(world, tokens, kind):
    name, tree = f"{size(world)}-first", world.receiver.checkpoint()
    if kind == "fork":
        keys = (world.receiver.ed25519, world.receiver.mldsa)
        tree = sign_checkpoint(Checkpoint(ORIGIN, size(world), bytes(32)), *keys, now=TIME)
    tokens.stamp(name if kind != "number" else "1-first", tree)
    if kind == "other bytes":
        tokens.files[f"{name}.checkpoint"] = world.receiver.checkpoint()
    elif kind == "flipped":
        data = tokens.files[f"{name}.tsr"]
        tokens.files[f"{name}.tsr"] = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
    elif kind == "no root":
        tokens.files[f"{tokens.root}.pem"] = certificate("other")[1].public_bytes(Encoding.PEM)
    elif kind == "missing":
        del tokens.files[f"{name}.tsr"]
    assert len(world.pull().doubts) == 1
    assert not (world.home.mirror / "timestamps").exists()
    assert doubts(world) == []


@pytest.mark.parametrize(
    "page",
    [b"", b"[]", b'{"timestamps": [{}], "more": false}', b'{"timestamps": 1, "more": false}',
     b'{"timestamps": [{"name": "../x", "time": 1, "root": "0"}], "more": false}',
     b'{"timestamps": [{"name": "../x", "time": 1, "root": "%s"}], "more": false}' % (b"0" * 64),
     b"[" * 300_000],
)  # fmt: skip
def test_a_list_that_is_none_is_told(world, tokens, page):
    world.receiver.timestamps = lambda _since, _after: page
    assert [d.code for d in world.pull().doubts] == ["format"]


def test_changed_missing_and_foreign_files_are_named(world, tokens):
    name = stamped(world, tokens)
    folder = world.home.mirror / "timestamps"
    for file in (f"{name}.checkpoint", f"{name}.tsr", f"roots/{tokens.root}.pem"):
        whole = (folder / file).read_bytes()
        (folder / file).write_bytes(whole[:70] + bytes([whole[70] ^ 1]) + whole[71:])
        assert doubts(world), file
        (folder / file).unlink()
        assert any("missing" in d for d in doubts(world)), file
        assert world.pull().doubts == []
        assert (folder / file).read_bytes() == whole
        assert tokens.asked[-1] == (0, None)
    for file in ("x", "roots/x.pem", "1-first.txt", f"roots/{'0' * 64}.pem"):
        (folder / file).write_bytes(b"x")
        assert any(f"mirror/timestamps/{file}" in d for d in doubts(world)), file
        (folder / file).unlink()
    assert doubts(world) == []


def test_a_renewal_names_tokens_that_are_here(world, tokens):
    name = stamped(world, tokens)
    tokens.authority.use(stamping(tokens.authority.root))
    folder = world.home.mirror / "timestamps"
    digest = hashlib.sha256((folder / f"{name}.tsr").read_bytes()).digest()
    right = list_text(ORIGIN, [Renewed(name, digest, tokens.root)])
    tokens.stamp("renewal-1-first", right)
    tokens.stamp("renewal-2-first", list_text(ORIGIN, [Renewed(name, bytes(32), tokens.root)]))
    assert [d.file for d in world.pull().doubts] == ["timestamp renewal-2-first"]
    assert openssl_verifies(folder, "renewal-1-first", end="list")
    assert doubts(world) == []
    assert verified(world).times.newest[0] == size(world)
