# SPDX-License-Identifier: EUPL-1.2
"""A batch comes in: verified while it streams, durable, sealed, answered."""

import asyncio
import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lakzegel_core.batch import Seen
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.receipt import verify_receipt
from lakzegel_server.fsck.run import check
from lakzegel_server.intake import SMALL
from lakzegel_server.logsigner import load_signer
from lakzegel_server.logstate import LogState


def code(answer):
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def test_a_batch_is_answered_with_a_receipt_that_proves_it(world, device):
    upload = device.seal([b"een", b"twee" * 1000])
    receipt = world.receipt(world.client.put(upload), upload)
    assert receipt.index == 3
    records = world.as_("records")
    assert records("GET", f"/v1/batches/{upload.name}").content == upload.batch
    answer = records("GET", f"/v1/keyrings/{upload.name}")
    assert answer.content == upload.keyring
    assert answer.headers["content-length"] == str(len(upload.keyring))


def test_a_receipt_proves_that_the_log_only_grew_since_what_the_device_saw(world, device):
    seen = world.client.checkpoint().checkpoint
    device.seen = Seen(seen.size, seen.root)
    upload = device.seal()
    answer = world.client.put(upload)
    verify_receipt(answer.content, entry=upload.note, log=world.keys, seen=seen)
    again = world.client.put(upload, query=f"?old={seen.size - 1}")
    older = Checkpoint(seen.origin, seen.size - 1, world.desk.log.root(seen.size - 1))
    verify_receipt(again.content, entry=upload.note, log=world.keys, seen=older)


def test_the_same_batch_again_has_the_same_place(world, device):
    upload = device.seal()
    first = world.receipt(world.client.put(upload), upload)
    other = device.seal()
    world.receipt(world.client.put(other), other)
    assert world.receipt(world.client.put(upload), upload).index == first.index
    assert world.client.checkpoint().checkpoint.size == 5


def test_another_batch_at_a_taken_number_is_a_fork_and_is_recorded(world, device):
    upload = device.seal(advance=False)
    world.receipt(world.client.put(upload), upload)
    fork = device.seal([b"iets anders"])
    assert code(world.client.put(fork)) == (409, "fork")
    assert world.desk.register.refusals() == [("minister", "fork", fork.name)]
    assert world.left_behind() == [[upload.name], [upload.name], []]
    assert world.client.checkpoint().checkpoint.size == 4


def tampered(upload, position):
    body = bytearray(upload.body)
    body[position] ^= 1
    return bytes(body)


def refused(world, device, upload, body, expected):
    answer = world.client("PUT", f"/v1/batches/{upload.name}", body)
    assert code(answer) == expected
    assert world.desk.register.refusals()[-1][1:] == (expected[1], upload.name)
    assert world.left_behind() == [[], [], []]
    assert world.client.checkpoint().checkpoint.size == 3


def test_whatever_is_wrong_is_refused_and_leaves_nothing(world, device):
    upload = device.seal([b"een", b"twee"], advance=False)
    size = len(upload.note)
    refused(world, device, upload, tampered(upload, size + 10), (422, "digest-mismatch"))
    refused(
        world, device, upload, tampered(upload, len(upload.batch) - 1), (422, "digest-mismatch")
    )
    refused(world, device, upload, tampered(upload, len(upload.body) - 1), (422, "digest-mismatch"))
    refused(world, device, upload, upload.body[:-1], (422, "digest-mismatch"))
    refused(world, device, upload, upload.body + b"x", (422, "digest-mismatch"))
    refused(world, device, upload, upload.batch[:-5], (422, "size-mismatch"))
    refused(world, device, upload, upload.note[:-5], (422, "size-mismatch"))
    refused(world, device, upload, b"", (422, "size-mismatch"))
    refused(world, device, upload, b"nonsense", (400, "format"))
    other = device.seal(advance=False)
    refused(world, device, upload, other.body, (422, "digest-mismatch"))
    world.receipt(world.client.put(upload), upload)


def test_the_chain_is_kept(world, device, kit):
    skipped = device.seal(advance=False, batch=1)
    refused(world, device, skipped, skipped.body, (409, "gap"))
    elsewhere = device.seal(advance=False, previous=hashlib.sha256(b"x").digest())
    refused(world, device, elsewhere, elsewhere.body, (409, "gap"))
    later = replace(device, epoch=1, header=kit.new_key(f"{kit.ORIGIN}/minister/1/header")).seal()
    refused(world, device, later, later.body, (409, "epoch"))


def test_a_signature_by_another_key_is_refused(world, device, kit):
    forged = device.seal(advance=False, key=kit.new_key(f"{kit.ORIGIN}/minister/0/header"))
    refused(world, device, forged, forged.body, (403, "unknown-key"))


def test_a_device_that_nobody_admitted_is_refused(world, device, kit):
    stranger = kit.unsealed_device(world.office, "vreemd", world.client.checkpoint().checkpoint)
    upload = stranger.seal()
    refused(world, device, upload, upload.body, (403, "not-admitted"))


def test_a_revoked_device_is_refused(world, device):
    revoked = world.office.revocation("minister")
    assert world.as_("admin")("POST", "/v1/notes", revoked).status_code == 200
    upload = device.seal()
    assert code(world.client.put(upload)) == (403, "revoked")
    assert world.left_behind() == [[], [], []]


def test_a_device_that_saw_another_log_is_refused(world, device):
    size = world.client.checkpoint().checkpoint.size
    device.seen = Seen(size, os.urandom(32))
    upload = device.seal(advance=False)
    refused(world, device, upload, upload.body, (409, "root-mismatch"))
    device.seen = Seen(size + 1, os.urandom(32))
    upload = device.seal(advance=False)
    refused(world, device, upload, upload.body, (409, "consistency"))


def test_where_a_tile_rotted_no_device_hears_that_it_saw_another_log(world, device, kit):
    tree = world.client.checkpoint().checkpoint
    device.seen = kit.Seen(tree.size - 1, world.desk.log.root(tree.size - 1))
    tile = next((world.data / "log/tile/0/000.p").glob(str(tree.size)))
    whole = tile.read_bytes()
    tile.write_bytes(bytes(len(whole)))
    world.read_anew()
    upload = device.seal()
    answer = world.client.put(upload)
    assert (answer.status_code, answer.json()["title"]) == (503, "damage")
    tile.write_bytes(whole)
    world.read_anew()
    world.receipt(world.client.put(upload), upload)


def test_a_name_that_is_no_digest_is_refused(world):
    assert code(world.client("PUT", "/v1/batches/AB", b"x")) == (400, "format")


def test_lost_files_of_a_sealed_batch_are_taken_again(world, device):
    upload = device.seal()
    first = world.receipt(world.client.put(upload), upload)
    world.layout.batch(upload.name).unlink()
    assert world.doubts() == [f"batches/{upload.name}.batch: missing"]
    assert world.receipt(world.client.put(upload), upload).index == first.index
    assert world.doubts() == []


@pytest.mark.parametrize("kind", ["batches", "keyrings"])
def test_what_was_stored_and_is_lost_is_said_to_be_gone_for_good(world, device, kind):
    upload = device.seal()
    world.client.put(upload)
    file = world.layout.batch if kind == "batches" else world.layout.keyring
    file(upload.name).unlink()
    answer = world.as_("records")("GET", f"/v1/{kind}/{upload.name}")
    assert code(answer) == (410, "lost")
    assert world.client.put(upload).status_code == 200  # the device still has it


def test_batches_that_arrive_together_share_a_checkpoint(world):
    devices = [world.enrol(f"apparaat-{i}") for i in range(12)]
    uploads = [device.seal() for device in devices]
    signed = []
    signing = world.desk.log._signing
    sign = signing.sign
    signing.sign = lambda tree: signed.append(tree.size) or sign(tree)
    submitted = threading.Semaphore(0)
    submit = world.desk.sequencer.submit
    world.desk.sequencer.submit = lambda data: (submit(data), submitted.release())[0]
    with ThreadPoolExecutor(12) as pool:
        with world.taken():
            answers = []
            for upload in uploads:
                client = world.client.as_(None)
                answers.append(pool.submit(client.put, upload))
            for _ in uploads:
                assert submitted.acquire(timeout=10)
        indices = {
            world.receipt(answer.result(), upload).index
            for answer, upload in zip(answers, uploads, strict=True)
        }
    assert len(indices) == 12
    assert len(signed) < 12
    assert len(signed) <= 2


def test_a_large_batch_waits_for_a_place_and_a_small_one_needs_none(world):
    first, second, third = [world.enrol(f"apparaat-{i}") for i in range(3)]
    places = world.desk.intake._places = asyncio.Semaphore(1)
    large = [os.urandom(2 * SMALL)]
    submitted = threading.Semaphore(0)
    submit = world.desk.sequencer.submit
    world.desk.sequencer.submit = lambda data: (submit(data), submitted.release())[0]
    uploads = [first.seal(large), third.seal(), second.seal(large)]
    with ThreadPoolExecutor(3) as pool:
        with world.taken():
            answers = [pool.submit(world.client.as_(None).put, one) for one in uploads[:2]]
            assert submitted.acquire(timeout=10)
            assert submitted.acquire(timeout=10)
            answers.append(pool.submit(world.client.as_(None).put, uploads[2]))
            waits = (time.sleep(0.01) for _ in range(1000))
            assert any(places._waiters for _ in waits)
            assert world.desk.intake.under_way == 3
        for answer, upload in zip(answers, uploads, strict=True):
            world.receipt(answer.result(), upload)


def test_a_batch_of_a_device_that_another_process_let_in_is_sealed(world, kit):
    tree = world.client.checkpoint().checkpoint
    device = kit.unsealed_device(world.office, "elders", tree)
    other = LogState.open(world.layout, load_signer(world.layout), clock=lambda: kit.NOW)
    outcomes = other.append([device.admission, device.enrolment])
    other.close()
    assert outcomes == [tree.size, tree.size + 1]
    upload = device.seal()
    assert world.receipt(world.client.put(upload), upload).index == tree.size + 2
    assert world.desk.register.refusals() == []


def test_of_two_batches_that_race_for_a_number_the_loser_leaves_nothing(world, device):
    """But where receivers share an index: there another one may be about to seal the same."""
    rivals = [device.seal([text], advance=False) for text in (b"een", b"twee")]
    stored = threading.Semaphore(0)
    submit = world.desk.sequencer.submit
    world.desk.sequencer.submit = lambda data: (submit(data), stored.release())[0]
    with ThreadPoolExecutor(2) as pool:
        with world.taken():
            answers = [pool.submit(world.client.as_(None).put, rival) for rival in rivals]
            for _ in rivals:
                assert stored.acquire(timeout=10)
        statuses = [answer.result().status_code for answer in answers]
    assert sorted(statuses) == [200, 409]
    winner, loser = sorted(rivals, key=lambda rival: statuses[rivals.index(rival)])
    left = sorted([winner.name, loser.name] if world.layout.shared else [winner.name])
    assert world.left_behind() == [left, left, []]
    assert world.desk.register.refusals() == [("minister", "fork", loser.name)]
    orphans = {one.place for one in check(world.layout).orphans}
    assert orphans == {
        place
        for name in set(left) - {winner.name}
        for place in (f"batches/{name}.batch", f"keyrings/{name}.keyring")
    }


def test_a_batch_that_cannot_be_sealed_for_a_reason_nobody_foresaw_leaves_nothing(
    world, device, monkeypatch
):
    def fail(_wanted):
        raise RuntimeError("a fault of ours")

    upload = device.seal()
    with monkeypatch.context() as broken:
        broken.setattr(world.desk.log, "append", fail)
        url = f"{world.client.url}/v1/batches/{upload.name}"
        assert world.client.session.put(url, upload.body, timeout=30).status_code == 500
    left = [upload.name] if world.layout.shared else []
    assert world.left_behind() == [left, left, []]
    world.receipt(world.client.put(upload), upload)
