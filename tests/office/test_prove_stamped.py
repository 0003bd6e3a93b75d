# SPDX-License-Identifier: EUPL-1.2
"""A proof with tokens of a real time-stamp authority, and what of them a judge believes."""

import hashlib
import random
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from lakzegel_core import itemtimes, timetoken
from lakzegel_core.checkpoint import peek_checkpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.errors import (
    ConsistencyError,
    DigestMismatchError,
    FormatError,
    MissingSignatureError,
    TimestampError,
)
from lakzegel_core.itemjudge import JudgeKeys, judge_item
from lakzegel_core.itemproof import FIRST_LINE, STAMPED_LINE, Renewal, parse_item_proof
from lakzegel_core.itemtimes import Worth, judge_times
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.quorum import Quorum
from lakzegel_core.timerenewal import Renewed, list_text
from lakzegel_core.timetoken import open_token
from lakzegel_office.config import judge_keys
from lakzegel_verify.__main__ import main as verify
from tests.office.test_timestamps import ORIGIN, Tokens, size
from tests.tsa import OPENSSL, Authority, certificate, stamping

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
DATA = b"Beste minister,"
NOW = datetime.now(UTC)


def stamped(world, tokens, name="first", data=None):
    """A token over the newest checkpoint, pulled."""
    found = f"{size(world)}-{name}"
    tokens.stamp(found, data or world.receiver.checkpoint())
    assert world.pull().doubts == []
    return found


@pytest.fixture
def root():
    return certificate("Tijdstempeldienst")


@pytest.fixture
def tokens(tmp_path, world, device, root):
    """An item, sealed after a token that says nothing of it, and one that does."""
    made = Tokens(Authority(tmp_path / "tsa", root=root, signer=stamping(root, days=(-1, 40))))
    world.receiver.timestamps, world.receiver.timestamp = made.timestamps, made.timestamp
    made.stamp(f"{size(world)}-first", world.receiver.checkpoint())
    device.send_files({"cur/1": DATA})
    stamped(world, made)
    return made


@pytest.fixture
def prove(world, tmp_path):
    def prove(*more, out="out"):
        assert world.run("prove", "minister/0/0/0", str(tmp_path / out), *more) == 0
        return parse_item_proof((tmp_path / f"{out}.proof").read_bytes())

    return prove


def keys_of(world, *authorities):
    return replace(judge_keys(world.config), authorities=authorities)


def judged(world, proof, *authorities, keys=None, now=None):
    """What the judge believes of the stamps of an item that is proven."""
    trusted = keys or keys_of(world, *authorities)
    judge_item(proof, trusted, sha256=hashlib.sha256(DATA).digest(), size=len(DATA))
    return judge_times(proof, trusted, now=now or NOW)


def token_of(tokens, name, end="checkpoint"):
    data, answer = tokens.files[f"{name}.{end}"], tokens.files[f"{name}.tsr"]
    return open_token(answer, data, [tokens.authority.root[1]], nonce=None)


def test_the_judge_reads_the_bound_and_openssl_agrees(world, tokens, prove, tmp_path, capsys):
    prove()
    files = [str(tmp_path / "out.proof"), str(tmp_path / "out")]
    keys = tmp_path / "judge.keys"
    keys.write_text(keys_of(world).to_text())
    capsys.readouterr()
    assert verify([*files, "--keys", str(keys)]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("sealed before 20")
    assert said.endswith(f"IF you trust its root, which your key file does not name: {tokens.root}")
    keys.write_text(keys_of(world, tokens.root).to_text())
    folder = tmp_path / "tokens"
    assert verify([*files, "--keys", str(keys), "--extract", str(folder)]) == 0
    *_, said, command = capsys.readouterr().out.splitlines()
    at = token_of(tokens, f"{size(world)}-first").at
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said == f"sealed before {moment} according to the time-stamp authority CN=stamper"
    assert subprocess.run(command.split(), capture_output=True, check=False).returncode == 0
    assert verify([*files, "--keys", str(keys), "--extract", str(folder)]) == 2


def test_without_stamps_it_is_the_proof_that_older_verifiers_know(world, tokens, prove, tmp_path):
    with_stamps = prove()
    plain = prove("--without-timestamps", out="plain")
    assert (tmp_path / "out.proof").read_text().startswith(STAMPED_LINE)
    assert (tmp_path / "plain.proof").read_text().startswith(FIRST_LINE)
    assert plain == replace(with_stamps, stamps=(), roots=())
    lines = re.split(r"(?m)^stamped ", (tmp_path / "out.proof").read_text())[0]
    cut = lines.replace(STAMPED_LINE, FIRST_LINE).encode()
    assert cut == (tmp_path / "plain.proof").read_bytes()
    assert judged(world, parse_item_proof(cut)) == ()
    roots_alone = cut + b"root AAAA\n"
    with pytest.raises(FormatError):
        parse_item_proof(roots_alone)


def test_no_changed_bit_of_a_token_makes_it_say_something_else(
    world, tokens, prove, tmp_path, capsys
):
    proof = prove()
    path, keys = tmp_path / "out.proof", tmp_path / "judge.keys"
    keys.write_text(keys_of(world, tokens.root).to_text())
    data, files = path.read_bytes(), [str(path), str(tmp_path / "out")]
    assert verify([*files, "--keys", str(keys)]) == 0
    true = capsys.readouterr().out.splitlines()[-1]
    start, chance = data.index(b"\nstamped ") + 1, random.Random(5)
    for place in (chance.randrange(start, len(data)) for _ in range(60)):
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(7)
        path.write_bytes(changed)
        code = verify([*files, "--keys", str(keys)])
        said = capsys.readouterr().out.splitlines()
        # CMS does not sign the name of its own algorithm, and nobody signs a root but itself
        assert code == 1 or said[-1] == true or "IF you trust its root" in said[-1], place
    (stamp,) = proof.stamps
    earlier = tokens.listed[0]["name"]
    before = tokens.files[f"{earlier}.checkpoint"], tokens.files[f"{earlier}.tsr"]
    with pytest.raises(TimestampError, match="imprint"):  # a token of another checkpoint
        judged(world, replace(proof, stamps=(replace(stamp, token=before[1]),)))
    anchor = replace(stamp.anchor, checkpoint=before[0])
    with pytest.raises(ConsistencyError):
        judged(world, replace(proof, stamps=(replace(stamp, anchor=anchor, token=before[1]),)))
    other = certificate("other")[1].public_bytes(Encoding.DER)
    with pytest.raises(TimestampError, match="chain"):  # somebody's root, not this one's
        judged(world, replace(proof, roots=(other,)))


def test_a_later_token_bounds_by_its_own_later_time(world, tokens, prove, device):
    proof = prove()
    device.send_files({"cur/2": b"later"})
    name = stamped(world, tokens)
    later = token_of(tokens, name)
    assert prove(out="still").stamps[0].token == proof.stamps[0].token  # the earliest is chosen
    (path,) = [p for p in (world.home.mirror / "timestamps").glob("*.tsr")
               if p.read_bytes() == proof.stamps[0].token]  # fmt: skip
    path.unlink()
    (bound,) = judged(world, prove(out="later"), tokens.root)
    assert (bound.worth, bound.at.timestamp()) == (Worth.BOUND, later.at)


def test_a_token_whose_certificate_ended_bounds_nothing_unless_it_was_renewed(
    world, tokens, prove, root, tmp_path
):
    ended = NOW + timedelta(days=50)
    proof = prove()
    (bound,) = judged(world, proof, tokens.root, now=ended)
    assert bound.worth is Worth.ENDED
    assert "NO bound by the time-stamp authority CN=stamper" in bound.sentence()
    name = f"{size(world)}-first"
    digest = hashlib.sha256(tokens.files[f"{name}.tsr"]).digest()
    tokens.authority.use(stamping(root, days=(-1, 400)))
    tokens.stamp("renewal-1-first", list_text(ORIGIN, [Renewed(name, digest, tokens.root)]))
    assert world.pull().doubts == []
    renewed = prove(out="renewed")
    (bound,) = judged(world, renewed, tokens.root, now=ended)
    assert (bound.worth, bound.at.timestamp()) == (Worth.BOUND, token_of(tokens, name).at)
    (bound,) = judged(world, renewed, tokens.root, now=NOW + timedelta(days=500))
    assert bound.worth is Worth.ENDED
    (stamp,) = renewed.stamps
    wrong = Renewal(list_text(ORIGIN, [Renewed(name, bytes(32), tokens.root)]), stamp.token)
    with pytest.raises(DigestMismatchError):
        judged(world, replace(renewed, stamps=(replace(stamp, renewals=(wrong,)),)))
    other = Renewal(list_text("log.example/other", [Renewed(name, digest, tokens.root)]), b"")
    with pytest.raises(FormatError, match="another log"):
        judged(world, replace(renewed, stamps=(replace(stamp, renewals=(other,)),)))


def test_a_renewal_that_came_too_late_is_none(world, tokens, prove, monkeypatch):
    (proof_of, real) = prove(), itemtimes.open_token
    (stamp,) = proof_of.stamps
    digest = hashlib.sha256(stamp.token).digest()
    late = Renewal(list_text(ORIGIN, [Renewed("1-first", digest, tokens.root)]), stamp.token)

    def opened(answer, data, roots, *, nonce):
        if data != late.renewed:
            return real(answer, data, roots, nonce=nonce)
        first = real(answer, stamp.anchor.checkpoint, roots, nonce=nonce)
        return replace(first, at=first.expires, expires=first.expires + 10**8)

    monkeypatch.setattr(itemtimes, "open_token", opened)
    changed = replace(proof_of, stamps=(replace(stamp, renewals=(late,)),))
    (bound,) = judged(world, changed, tokens.root, now=NOW + timedelta(days=50))
    assert bound.worth is Worth.ENDED


def test_where_tokens_cannot_be_checked_it_is_said(
    world, tokens, prove, tmp_path, monkeypatch, capsys
):
    prove()

    def absent(_answer):
        raise TimestampError("unsupported", "rfc3161-client is not installed")

    monkeypatch.setattr(timetoken, "_decode", absent)
    keys = tmp_path / "judge.keys"
    keys.write_text(keys_of(world, tokens.root).to_text())
    capsys.readouterr()
    assert verify([str(tmp_path / "out.proof"), str(tmp_path / "out"), "--keys", str(keys)]) == 0
    said = capsys.readouterr().out
    assert "NOT CHECKED: rfc3161-client is not installed here" in said
    assert "--extract DIR writes the tokens" in said
    assert "according to" not in said


def test_a_witness_of_the_stamped_checkpoint_counts(world, tokens, prove, device):
    outside = SigningKey.from_seed("elsewhere/w", Algorithm.ED25519_COSIGNATURE, bytes(range(32)))
    device.send_files({"cur/2": b"meer"})
    data = world.receiver.checkpoint()
    line = cosign(peek_checkpoint(data), outside, now=int(NOW.timestamp()))
    for path in (world.home.mirror / "timestamps").glob("*-first.*"):
        path.unlink()
    tokens.listed.clear()
    stamped(world, tokens, "second", add_cosignature(data, line))
    proof = prove()
    keys = replace(keys_of(world), quorum=Quorum((outside.verifier,), 1))
    judged(world, proof, keys=keys)
    with pytest.raises(MissingSignatureError, match="0 of 1 witnesses"):
        judged(world, replace(proof, stamps=(), roots=()), keys=keys)


def test_the_key_file_with_authorities_comes_back_as_it_was(world):
    keys = keys_of(world, "0" * 64, "f" * 64)
    assert JudgeKeys.from_text(keys.to_text()) == keys
    with pytest.raises(FormatError, match="lower-case hexadecimal"):
        JudgeKeys.from_text(keys.to_text().replace("f" * 64, "F" * 64))
