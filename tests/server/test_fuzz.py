# SPDX-License-Identifier: EUPL-1.2
"""Uploads that are wrong in every way are refused, leave nothing, and harm no right one.

Short: a few hundred by a fixed seed. `make soak` goes on for `LAKZEGEL_FUZZ_SECONDS`.
"""

import importlib.util
import os
import random
import sys
import time
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "lakzegel_fuzzing", Path(__file__).with_name("fuzzing.py")
)
fuzzing = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = fuzzing
_spec.loader.exec_module(fuzzing)
SECONDS = float(os.environ.get("LAKZEGEL_FUZZ_SECONDS", "600"))
LARGEST = 64 * 2**20  # bytes that the process may have grown by


def memory():
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def made(world, kit, device):
    """What is made wrong beside the upload: other devices' uploads, notes for other routes."""
    others = [world.enrol(f"other-{i}").seal(advance=False) for i in range(2)]
    signed = world.client.checkpoint()
    notes = [
        ("/v1/notes", device.enrolment),
        ("/v1/notes", others[0].note),
        ("/v1/device", device.query()),
        ("/v1/held", world.office.held_note(signed.checkpoint)),
        ("/v1/cosignatures", kit.cosigned(signed, world.office.witness)),
        ("/v1/heartbeats", device.query()),
    ]
    return others, notes


def fuzz(world, device, things, rounds, seed):
    """Send so many wrong uploads; every one of them is answered, and nothing of it stays."""
    dice, (others, notes) = random.Random(seed), things
    upload = device.seal([b"een bericht", os.urandom(3000)], advance=False)
    before = memory()
    for _ in range(rounds):
        if dice.random() < 0.2:
            note = fuzzing.mutate_note(dice, *dice.choice(notes))
            status = fuzzing.answer(world.client.url, note)
            assert status is None or status < 500 or status in {503, 507}, (seed, note)
            continue
        sent = fuzzing.mutate(dice, upload, others)
        status = fuzzing.answer(world.client.url, sent)
        if status == 200:  # the mutation was none, or cancelled itself out: it is the true batch
            accept(world, upload)
            settle(world, device, upload)
            upload = device.seal([b"een bericht", os.urandom(3000)], advance=False)
            continue
        told = status is None or 400 <= status < 500 or status in {503, 507}
        assert told, (seed, status, sent.head)
    until_quiet(world)
    assert unsealed(world) == set()
    assert world.left_behind()[2] == []
    assert memory() - before < LARGEST
    accept(world, upload)
    settle(world, device, upload)
    assert world.doubts() == []


def accept(world, upload):
    """The true batch is sealed; where its own wrong copy is still being let go of, in a moment."""
    until = time.monotonic() + 10
    answer = world.client.put(upload)
    while answer.status_code == 503 and time.monotonic() < until:
        answer = world.client.put(upload)
    world.receipt(answer, upload)


def settle(world, device, upload):
    """The device goes on after a sealed batch."""
    device.previous = bytes.fromhex(upload.name)
    device.batch += 1


def sealed(world):
    """The ids of all entries."""
    rows = world.desk.accounts.connection.execute("SELECT id FROM entries")
    return [row[0] for row in rows]


def unsealed(world):
    """The ids of files that the log says nothing of."""
    names = {name for names in world.left_behind() for name in names}
    return names - {note.hex() for note in sealed(world)}


def until_quiet(world):
    """What a sender that went away left is taken away in a moment, or sealed if it was whole."""
    assert world.rests()  # a sender may be gone while its upload is still being read
    until = time.monotonic() + 20
    while (world.left_behind()[2] or unsealed(world)) and time.monotonic() < until:
        world.client("GET", "/v1/health")


def test_wrong_uploads_are_refused_and_leave_nothing(world, kit, device):
    fuzz(world, device, made(world, kit, device), 300, seed=5)


@pytest.mark.soak
def test_wrong_uploads_for_minutes(world, kit, device):
    things = made(world, kit, device)
    ends, seed = time.monotonic() + SECONDS, random.SystemRandom().randrange(2**32)
    while time.monotonic() < ends:
        fuzz(world, device, things, 500, seed)
        seed += 1
