# SPDX-License-Identifier: EUPL-1.2
"""What is proven of a device, disposals included, and that a mirror after them is covered too."""

import hashlib
import json
import random
from datetime import timedelta

import pytest

from lakzegel_core.hold import Mark, sign_mark
from lakzegel_office import verification
from lakzegel_office.mirror import Mirror
from lakzegel_office.verification import Verifier

CERTIFICATE = hashlib.sha256(b"a certificate").digest()


def signer(world, name):
    return world.vault.signer(name, world.config.keys[name])


@pytest.fixture
def disposed(world, device, dispose):
    """A mirror of two devices, with a hold, and two items of the first that were destroyed."""
    other = world.enrol("secretaris")
    first = device.send_files({"cur/1": b"een" * 300, "cur/2": b"twee"})
    other.send_files({"cur/1": b"drie"})
    hold = Mark("hold", device.enrolment.origin, "h-1", "on", None, world.receiver.now)
    world.receiver.append(sign_mark(hold, signer(world, "approval-1")))
    dispose(first, 2, 3, certificate=CERTIFICATE)
    world.pull()
    world.receiver.now += timedelta(hours=1)
    other.send_files({"cur/2": b"vier"})
    world.pull()
    return world


def doubts(world):
    return Verifier(Mirror(world.home.mirror), world.config, lambda _: None).run().doubts


def answer_of(world, capsys):
    capsys.readouterr()
    world.run("verify", "--json")
    return json.loads(capsys.readouterr().out)


def test_a_device_s_line_says_who_cosigned_and_what_was_destroyed_by_which_certificate(
    disposed, capsys
):
    capsys.readouterr()
    disposed.run("verify", "--quiet")
    lines = [line for line in capsys.readouterr().out.splitlines() if "in one chain" in line]
    one = next(line for line in lines if line.startswith("minister: "))
    assert "cosigned by 2 witnesses, no token of time" in one
    assert "2 items destroyed, by 1 changes, 1 certificate" in one
    other = next(line for line in lines if line.startswith("secretaris: "))
    assert "destroyed" not in other
    device = answer_of(disposed, capsys)["devices"][0]
    assert device["destroyed"] == 2
    (change,) = device["disposals"]
    assert change["items"] == [2, 3]
    assert change["batch"] == "minister/0/0"
    assert change["certificate"] == CERTIFICATE.hex()
    assert device["witnesses"] == ["records.example/mirror", "records.example/witness"]


def test_a_disposal_with_one_signature_is_named_and_changes_nothing(world, device, dispose, capsys):
    name = device.send_files({"cur/1": b"een"})
    dispose(name, 0, signers=("approval-1",))
    world.pull()
    answer = answer_of(world, capsys)
    assert answer["verified"] is False
    assert answer["devices"][0]["destroyed"] == 0
    assert {d["file"] for d in answer["doubts"]} >= {"mirror/log, entry 4"}


def test_processes_find_what_one_process_finds(disposed, monkeypatch):
    batch = next((disposed.home.mirror / "batches").iterdir())
    data = bytearray(batch.read_bytes())
    data[-1] ^= 1
    batch.write_bytes(data)
    alone = doubts(disposed)
    monkeypatch.setattr(verification, "SPREAD_FROM", 1)
    assert doubts(disposed) == alone
    assert any(doubt.file == f"mirror/batches/{batch.name}" for doubt in alone)


@pytest.mark.parametrize("flips", [2, pytest.param(None, marks=pytest.mark.soak)])
def test_every_flipped_bit_is_named_under_holds_and_after_disposals(disposed, flips):
    """So many a file, by chance which; in the long form one bit of every fourth byte."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    assert doubts(disposed) == []
    for path in sorted(p for p in disposed.home.mirror.rglob("*") if p.is_file()):
        data = path.read_bytes()
        name = f"mirror/{path.relative_to(disposed.home.mirror)}"
        all_of_it = range(len(data))
        long = all_of_it[chance.randrange(4) :: 4]
        for place in long if flips is None else chance.sample(all_of_it, flips):
            changed = bytearray(data)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            found = doubts(disposed)
            assert any(d.file.startswith(name) for d in found), (name, place, found)
        path.write_bytes(data)
    assert doubts(disposed) == []
