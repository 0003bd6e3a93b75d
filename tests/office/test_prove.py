# SPDX-License-Identifier: EUPL-1.2
"""One item proven to somebody who has only keys, and every way in which it could be a lie."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from lakzegel_core.errors import (
    ConsistencyError,
    EpochError,
    FormatError,
    InclusionError,
    LakzegelError,
    MissingSignatureError,
    NotAdmittedError,
    RevokedError,
)
from lakzegel_core.itemjudge import JudgeKeys, judge_item
from lakzegel_core.itemproof import parse_item_proof
from lakzegel_core.quorum import Quorum
from lakzegel_core.revocation import Revocation, sign_revocation
from lakzegel_office.config import judge_keys
from lakzegel_verify.__main__ import main as verify

DATA = b"Beste minister,"


@pytest.fixture
def proven(world, device, tmp_path):
    """A pulled item, its file and its proof, between two pulls an hour apart."""
    world.pull()
    world.receiver.now += timedelta(hours=1)
    device.send_files({"cur/0": b"voor", "cur/1": DATA, "cur/2": b"na"})
    world.pull()
    world.receiver.now += timedelta(hours=1)
    world.enrol("secretaris").send_files({"x": b"iets anders"})
    world.pull()
    assert world.run("prove", "minister/0/0/2", str(tmp_path / "out")) == 0
    return world


def judge(world, proof, **keys):
    trusted = replace(judge_keys(world.config), **keys)
    return judge_item(proof, trusted, sha256=sha256(DATA).digest(), size=len(DATA))


@pytest.fixture
def proof(proven, tmp_path):
    return parse_item_proof((tmp_path / "out.proof").read_bytes())


def command(world, tmp_path):
    keys = str(world.home.notes / "judge.keys")
    return [str(tmp_path / "out.proof"), str(tmp_path / "out"), "--keys", keys]


def test_the_judge_reads_one_sentence(proven, tmp_path, capsys):
    capsys.readouterr()
    assert (tmp_path / "out").read_bytes() == DATA
    assert verify(command(proven, tmp_path)) == 0
    verdict, place = capsys.readouterr().out.splitlines()
    assert verdict == (
        "PROVEN: device minister committed to these 15 bytes in source 'mail' "
        "after 2026-11-24T02:00:00Z and before 2026-11-24T03:00:00Z"
    )
    assert "minister/0/0/2, a segment; cosigned by records.example/witness" in place


def test_the_context_can_stay_hidden(proven, tmp_path):
    out = tmp_path / "hidden"
    assert proven.run("prove", "minister/0/0/2", str(out), "--hide-context") == 0
    data = (tmp_path / "hidden.proof").read_bytes()
    assert parse_item_proof(data).context is None
    assert judge(proven, parse_item_proof(data)).source == "mail"


def test_what_was_sealed_under_replaced_keys_is_proven_by_the_ones_before(
    world, device, tmp_path, capsys
):
    device.send_files({"cur/0": b"voor"})
    device.rotate()
    device.rotate()
    device.send_files({"cur/1": DATA})
    world.pull()
    assert world.run("prove", "minister/2/0/0", str(tmp_path / "out")) == 0
    capsys.readouterr()
    assert verify(command(world, tmp_path)) == 0
    assert "minister/2/0/0" in capsys.readouterr().out
    found = parse_item_proof((tmp_path / "out.proof").read_bytes())
    for left_out in range(1, len(found.notes)):
        notes = found.notes[:left_out] + found.notes[left_out + 1 :]
        with pytest.raises(LakzegelError):
            judge(world, replace(found, notes=notes))


def test_proving_is_recorded(proven):
    assert [line["action"] for line in proven.trail()] == ["prove"]


def test_another_file_is_not_proven(proven, tmp_path, capsys):
    for data in (DATA + b"\n", DATA[:-1], DATA[:-1] + b"!", b""):
        (tmp_path / "out").write_bytes(data)
        assert verify(command(proven, tmp_path)) == 1
    assert "NOT PROVEN: the file" in capsys.readouterr().err


def test_no_flipped_bit_in_a_proof_is_overlooked(proven, tmp_path):
    path = tmp_path / "out.proof"
    data = path.read_bytes()
    chance = random.Random(3)
    for place in {0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(300))}:
        changed = bytearray(data)
        changed[place] ^= 1 << chance.randrange(7)
        path.write_bytes(changed)
        assert verify(command(proven, tmp_path)) == 1, place


def test_no_line_of_a_proof_can_go_or_come_twice(proven, tmp_path):
    path = tmp_path / "out.proof"
    lines = path.read_bytes().splitlines(keepends=True)
    optional = (b"before", b"after")
    for number, line in enumerate(lines):
        without = lines[:number] + lines[number + 1 :]
        path.write_bytes(b"".join(without))
        assert verify(command(proven, tmp_path)) == 1, line[:20]
        path.write_bytes(b"".join([*lines[:number], line, *lines[number:]]))
        assert verify(command(proven, tmp_path)) == 1, line[:20]
    kept = [line for line in lines if not line.startswith(optional)]
    path.write_bytes(b"".join(kept))
    assert verify(command(proven, tmp_path)) == 0


def test_without_the_bounds_the_checkpoints_time_is_all(proven, proof):
    found = judge(proven, replace(proof, after=None, before=None))
    assert (found.after, found.before) == (None, datetime(2026, 11, 24, 4, tzinfo=UTC))


def test_a_log_of_other_keys_proves_nothing(proven, proof):
    keys = judge_keys(proven.config)
    other = replace(keys.log, ed25519=replace(keys.log.ed25519, public=keys.policy[0].public))
    with pytest.raises(MissingSignatureError):
        judge(proven, proof, log=other)


def test_other_policy_keys_prove_nothing(proven, proof):
    held = proven.config.keys["held"]
    with pytest.raises(LakzegelError):
        judge(proven, proof, policy=(held, proven.config.keys["enrolment"]))


def test_a_judge_may_demand_a_witness(proven, proof):
    witness = proven.config.keys["witness"]
    assert judge(proven, proof, quorum=Quorum((witness,), 1)).cosigners == (witness.name,)
    stranger = replace(witness, public=proven.config.keys["mirror"].public)
    with pytest.raises(MissingSignatureError, match="0 of 1 witnesses"):
        judge(proven, proof, quorum=Quorum((stranger,), 1))


@pytest.mark.parametrize(
    ("gone", "error"),
    [(0, NotAdmittedError), (1, NotAdmittedError), (2, EpochError), (3, FormatError)],
)
def test_every_note_is_needed(proven, proof, gone, error):
    notes = proof.notes[:gone] + proof.notes[gone + 1 :]
    with pytest.raises(error):
        judge(proven, replace(proof, notes=notes))


def test_a_note_of_another_place_is_not_included(proven, proof):
    notes = (*proof.notes[:-1], replace(proof.notes[-1], index=proof.notes[-1].index + 1))
    with pytest.raises(InclusionError):
        judge(proven, replace(proof, notes=notes))


def test_the_bounds_cannot_be_exchanged(proven, proof):
    with pytest.raises(ConsistencyError, match="'after' is a checkpoint"):
        judge(proven, replace(proof, after=proof.before, before=None))
    with pytest.raises(ConsistencyError, match="'before' is a checkpoint"):
        judge(proven, replace(proof, before=proof.after, after=None))


def test_a_revocation_that_names_an_earlier_batch_takes_the_standing_away(proven, device, tmp_path):
    device.send_files({"later": b"1"})
    revoked = Revocation(proven.config.origin, "minister", 0, 0, "stolen", proven.receiver.now)
    key = proven.vault.signer("enrolment", proven.config.keys["enrolment"])
    proven.receiver.append(sign_revocation(revoked, key))
    proven.pull()
    assert proven.run("prove", "minister/0/0/2", str(tmp_path / "still")) == 0
    assert proven.run("prove", "minister/0/1/0", str(tmp_path / "not")) == 1
    assert not (tmp_path / "not").exists()
    still = parse_item_proof((tmp_path / "still.proof").read_bytes())
    earlier = Revocation(proven.config.origin, "minister", 0, None, "stolen", revoked.at)
    proven.receiver.append(sign_revocation(earlier, key))
    proven.pull()
    assert judge(proven, still)
    with pytest.raises(RevokedError):
        run_again(proven, tmp_path)


def run_again(world, tmp_path):
    if world.run("prove", "minister/0/0/2", str(tmp_path / "again")) == 1:
        raise RevokedError("as the command said")


def test_the_key_file_comes_back_as_it_was(world):
    keys = replace(judge_keys(world.config), quorum=Quorum((world.config.keys["witness"],), 1))
    assert JudgeKeys.from_text(keys.to_text()) == keys
