# SPDX-License-Identifier: EUPL-1.2
"""The office hands its mirror out over HTTP, to whoever shows a token; hashes to everybody."""

import hashlib

import pytest
import requests

from lakzegel_core import tiles
from lakzegel_office.mirror import Mirror
from lakzegel_office.witness.app import MirrorRoutes, build
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.tokens import Tokens
from tests.office.serving import serving_app

ORIGIN = "log.example/test"


@pytest.fixture
def session():
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture
def mirror(world, device):
    """A pulled mirror; its device may seal more."""
    device.send_files({"a.txt": b"een"})
    world.pull()
    return Mirror(world.home.mirror)


@pytest.fixture
def served(world, mirror, session, capsys):
    """Ask the served mirror, with its token or as somebody who has none."""
    assert world.run("witness", "--new-token", "herstel") == 0
    token = capsys.readouterr().out.splitlines()[-1]
    tokens = Tokens(Folder.below(world.home.root).tokens)
    with serving_app(build(MirrorRoutes(mirror, tokens, ORIGIN).routes())) as url:

        def ask(path, token=token):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return session.get(url + path, headers=headers, timeout=10)

        yield ask


def secret_paths(world, mirror):
    batch = next(iter(world.receiver.batches))
    size = len(world.receiver.log)
    return [f"/log/tile/entries/000.p/{size}", f"/v1/batches/{batch}", f"/v1/keyrings/{batch}"]


def test_everything_that_a_wiped_receiver_needs_is_handed_out_byte_for_byte(world, mirror, served):
    receiver, size = world.receiver, len(world.receiver.log)
    assert served("/log/checkpoint", None).content == mirror.checkpoint.read_bytes()
    assert served("/v1/held", None).content == receiver.held
    hashes = served(f"/log/tile/0/000.p/{size}", None).content
    assert tiles.HashReader(size, lambda _: hashes).root() == receiver.root()
    bundle = served(f"/log/tile/entries/000.p/{size}").content
    assert tiles.decode_entries(bundle, width=size) == receiver.log
    for name, data in receiver.batches.items():
        assert served(f"/v1/batches/{name}").content == data
        assert served(f"/v1/keyrings/{name}").content == receiver.keyrings[name]
    annex = hashlib.sha256(b"bijlage").hexdigest()
    mirror.annex(annex).parent.mkdir(exist_ok=True)
    mirror.annex(annex).write_bytes(b"bijlage")
    assert served(f"/v1/annexes/{annex}").content == b"bijlage"


def test_entries_and_files_need_a_token_that_was_given_out(world, mirror, served):
    for path in secret_paths(world, mirror):
        for token in (None, "herstel", "herstel.AAAA", "ander.AAAA", "herstel."):
            answer = served(path, token)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["retry"] is False


def test_a_token_that_was_removed_opens_nothing_any_more(world, mirror, served):
    path = secret_paths(world, mirror)[0]
    assert served(path).status_code == 200
    assert world.run("witness", "--remove-token", "herstel") == 0
    assert served(path).status_code == 401


def test_the_tokens_secret_is_kept_nowhere(world, served, capsys):
    assert world.run("witness", "--new-token", "ander") == 0
    name, _, secret = capsys.readouterr().out.strip().partition(".")
    kept = Folder.below(world.home.root).tokens
    assert name in kept.read_text()
    assert secret not in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


NOWHERE = [
    "/log/tile/0/000.p/200",
    "/log/tile/0/001",
    "/log/tile/0%2f..%2f..%2fcheckpoint",
    "/log/tile/entries/x000/000",
    "/v1/batches/" + "0" * 64,
    "/v1/batches/..%2f..%2f..%2foffice.toml",
    "/v1/annexes/" + "A" * 64,
    "/v1/keyrings/",
    "/office.toml",
]


def test_what_is_not_there_is_404(served):
    assert {path: served(path).status_code for path in NOWHERE} == dict.fromkeys(NOWHERE, 404)


def test_a_link_in_the_mirror_is_not_followed(world, mirror, served):
    name = next(iter(world.receiver.batches))
    mirror.batch(name).unlink()
    mirror.batch(name).symlink_to(world.home.config)
    assert served(f"/v1/batches/{name}").status_code == 503


def test_whoever_read_the_checkpoint_before_a_pull_still_gets_its_tiles(world, device, served):
    before = len(world.receiver.log)
    device.send_files({"b.txt": b"twee"})
    world.pull()
    hashes = served(f"/log/tile/0/000.p/{before}", None).content
    assert tiles.HashReader(before, lambda _: hashes).root() == world.receiver.root(before)
    bundle = served(f"/log/tile/entries/000.p/{before}").content
    assert tiles.decode_entries(bundle, width=before) == world.receiver.log[:before]


def test_before_the_first_pull_there_is_nothing_to_hand_out(world, session):
    tokens = Tokens(Folder.below(world.home.root).tokens)
    app = build(MirrorRoutes(Mirror(world.home.mirror), tokens, ORIGIN).routes())
    with serving_app(app) as url:
        assert session.get(f"{url}/log/checkpoint", timeout=10).status_code == 404
        assert session.get(f"{url}/v1/held", timeout=10).status_code == 404
        health = session.get(f"{url}/v1/health", timeout=10)
        assert health.json() == {"status": "ok", "origin": ORIGIN}


UNUSABLE = [
    ["--listen", "0.0.0.0:0"],
    ["--listen", "127.0.0.1"],
    ["--tls-cert", "cert.pem"],
    ["--tls-cert", "no-such-file", "--tls-key", "no-such-file"],
    ["--new-token", "Herstel!"],
    ["--remove-token", "niemand"],
]


def test_what_cannot_be_served_is_exit_2_and_one_line(world, capsys):
    for arguments in UNUSABLE:
        assert world.run("witness", *arguments) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
