# SPDX-License-Identifier: EUPL-1.2
"""Small uploads that wait together: durable and sealed together, each with an answer of its own."""

import errno
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakzegel_server import durable, rekeying
from lakzegel_server.intake import SMALL
from lakzegel_server.together import TAKERS


def until(condition, tries=1000):
    assert any(condition() for _ in range(tries) if time.sleep(0.01) is None)


@pytest.fixture
def crowd(world):
    """Devices, and who sends their uploads while the takers are held up by a keyring's change."""
    devices = [world.enrol(f"apparaat-{number}") for number in range(TAKERS + 4)]
    together = world.desk.intake._together

    def send(uploads):
        with ThreadPoolExecutor(len(uploads)) as pool:
            answers = []
            with rekeying._placing.alone():
                for upload in uploads[:TAKERS]:  # each of them holds up a taker
                    answers.append(pool.submit(world.client.as_(None).put, upload))
                    until(lambda upload=upload: upload.name in world.desk.intake._names)
                rest = uploads[TAKERS:]
                answers += [pool.submit(world.client.as_(None).put, upload) for upload in rest]
                until(lambda: together._waiting.qsize() == len(uploads) - TAKERS)
            return [answer.result() for answer in answers]

    return devices, send


def test_a_group_is_durable_by_one_sync_of_each_folder_and_all_have_receipts(
    world, crowd, monkeypatch
):
    """Of a receiver with its index in a file of sqlite: of several, each keyring is put alone."""
    devices, send = crowd
    uploads = [device.seal() for device in devices]
    synced = []
    sync = durable.sync_folder
    monkeypatch.setattr(durable, "sync_folder", lambda path: synced.append(path.name) or sync(path))
    answers = send(uploads)
    assert len({world.receipt(a, u).index for a, u in zip(answers, uploads, strict=True)}) == 6
    assert synced.count("batches") < len(uploads)
    assert synced.count("keyrings") < len(uploads)
    names = sorted(upload.name for upload in uploads)
    assert world.left_behind() == [names, names, []]
    assert world.doubts() == []


@pytest.fixture
def told(world, monkeypatch):
    """What was done, in its order: files and folders synced, names given, entries handed on."""
    events = []
    fsync, replace, submit = os.fsync, Path.replace, world.desk.sequencer.submit

    def synced(number):
        path = Path(f"/proc/self/fd/{number}").readlink()
        fsync(number)
        events.append(("synced", path))

    def renamed(work, place):
        events.append(("renamed", work, place))
        return replace(work, place)

    def handed_on(note):
        events.append(("handed on", hashlib.sha256(note).hexdigest()))
        return submit(note)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    monkeypatch.setattr(world.desk.sequencer, "submit", handed_on)
    return events


def test_bytes_then_names_are_durable_before_anything_is_sealed(world, crowd, told):
    """Of a receiver with its index in a file of sqlite: of several, a keyring is never renamed."""
    devices, send = crowd
    uploads = [device.seal() for device in devices]
    for answer, upload in zip(send(uploads), uploads, strict=True):
        world.receipt(answer, upload)
    for upload in uploads:
        sealed = told.index(("handed on", upload.name))
        for place in (world.layout.batch(upload.name), world.layout.keyring(upload.name)):
            (named,) = [n for n, one in enumerate(told) if one[0] == "renamed" and one[2] == place]
            assert told.index(("synced", told[named][1])) < named
            assert named < told.index(("synced", place.parent), named) < sealed


def test_what_is_wrong_with_one_is_nobody_elses_matter(world, crowd, kit):
    devices, send = crowd
    uploads = [device.seal() for device in devices]
    uploads[-1] = devices[-1].seal(advance=False, previous=os.urandom(32))
    uploads[-2].keyring = bytes(len(uploads[-2].keyring))
    *good, second, first = send(uploads)
    for answer, upload in zip(good, uploads, strict=False):
        world.receipt(answer, upload)
    assert (first.status_code, second.status_code) == (409, 422)
    assert {code for _, code, _ in world.desk.register.refusals()} == {"gap", "digest-mismatch"}
    names = sorted(upload.name for upload in uploads[:-2])
    assert world.left_behind() == [names, names, []]


@pytest.mark.parametrize("size", [100, 2 * SMALL])
def test_a_disk_that_fills_up_half_way_leaves_nothing_of_a_batch(world, device, monkeypatch, size):
    def full(moves, _before):
        work, place = next(iter(moves))
        work.replace(place)
        raise OSError(errno.ENOSPC, "no space left")

    upload = device.seal([os.urandom(size)])
    with monkeypatch.context() as broken:
        broken.setattr(durable, "settle", full)
        assert world.client.put(upload).status_code == 507
    left = [upload.name] if world.layout.shared else []  # it may be another's, who seals it
    assert world.left_behind() == [left, left, []]
    world.receipt(world.client.put(upload), upload)
