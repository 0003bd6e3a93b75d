# SPDX-License-Identifier: EUPL-1.2
"""A keyring is replaced by what two approvers signed; the old one is gone, whatever happens."""

import hashlib
import json
from dataclasses import replace
from threading import Event, Thread

import pytest

from lakzegel_core.receipt import verify_receipt
from lakzegel_server import durable, rekeying
from lakzegel_server.database import Database
from lakzegel_server.fsck import run
from lakzegel_server.people import trailrows
from lakzegel_server.people.records import Action
from lakzegel_server.people.trail import ALL
from lakzegel_server.rekeying import Replacement, replace_keyring, settle
from lakzegel_server.stores.files import KeyringFiles
from lakzegel_server.upload import Upload
from tests.server.rekeyed import Change


def code(answer):
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


@pytest.fixture
def sealed(world, device):
    upload = device.seal([b"een", b"twee"])
    world.receipt(world.client.put(upload), upload)
    return upload


def told(world):
    world.desk.trail.flush()
    database = Database.open_readonly(world.layout.database)
    rows = [json.loads(line) for _, line in trailrows.waiting(database.connection, ALL)]
    database.close()
    found = [row for row in rows if row["action"] == Action.CHANGE]
    return [(row["object"], row["id"], row["result"]) for row in found]


def lies(world, upload):
    return [path.read_bytes() for path in sorted((world.data / "keyrings").iterdir())]


def send(world, upload, change, role="records"):
    return world.as_(role)("POST", f"/v1/keyrings/{upload.name}", change.body)


def test_the_new_keyring_takes_the_place_of_the_old_one(world, sealed):
    change = Change(world, sealed, 1)
    answer = send(world, sealed, change)
    receipt = verify_receipt(answer.content, entry=change.note, log=world.keys, seen=None)
    assert receipt.index == 4
    assert lies(world, sealed) == [change.keyring]
    got = world.as_("records")("GET", f"/v1/keyrings/{sealed.name}")
    assert got.content == change.keyring
    again = send(world, sealed, change)
    assert verify_receipt(again.content, entry=change.note, log=world.keys, seen=None).index == 4
    assert told(world) == [("keyring", sealed.name, "ok")] * 2


REFUSED = {
    "signed by one": ({"signers": [0]}, (403, "missing-signature")),
    "signed by one twice": ({"signers": [0, 0]}, (403, "unknown-key")),
    "of another batch": ({"batch": 7}, (409, "chain")),
    "of a skipped generation": ({"generation": 2}, (409, "gap")),
    "of another keyring": ({"new": bytes(32)}, (422, "digest-mismatch")),
    "in the place of another": ({"old": bytes(32)}, (409, "fork")),
    "of an item that is none": ({"destroyed": (2,)}, (409, "chain")),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_may_not_be_leaves_the_old_one(world, sealed, why):
    changes, expected = REFUSED[why]
    assert code(send(world, sealed, Change(world, sealed, 1, **changes))) == expected
    assert lies(world, sealed) == [sealed.keyring]
    assert world.client.checkpoint().checkpoint.size == 4


def test_an_earlier_generation_never_comes_back(world, sealed):
    first = Change(world, sealed, 1)
    second = Change(world, sealed, 0, before=first)
    assert [send(world, sealed, c).status_code for c in (first, second)] == [200, 200]
    assert send(world, sealed, first).status_code == 200  # it is in the log: nothing else happens
    assert lies(world, sealed) == [second.keyring]


def test_a_change_comes_with_its_keyring_and_no_other_way(world, sealed):
    change = Change(world, sealed, 1)
    assert code(world.as_("admin")("POST", "/v1/notes", change.note)) == (422, "misplaced")
    assert code(world.as_("records")("POST", "/v1/keyrings/" + sealed.name, b"\0\1x")) == (
        400,
        "format",
    )
    assert code(send(world, replace(sealed, name="0" * 64), change)) == (404, "missing")


@pytest.mark.parametrize("sealing", [True, False], ids=["sealed", "not sealed"])
def test_a_start_settles_by_the_log_what_a_crash_left(world, sealed, sealing):
    change = Change(world, sealed, 1)
    waiting = world.layout.next_keyring(sealed.name, hashlib.sha256(change.keyring).hexdigest())
    waiting.write_bytes(change.keyring)
    if sealing:
        world.desk.sequencer.submit(change.note).result()
    settle(world.layout, world.desk.log)
    found = [change.keyring if sealing else sealed.keyring]
    if world.layout.shared and not sealing:  # another receiver may be about to seal it
        found.insert(0, change.keyring)
    assert lies(world, sealed) == found
    assert send(world, sealed, change).status_code == 200
    assert lies(world, sealed) == [change.keyring]


def test_a_start_passes_over_what_no_receiver_named_so_and_check_names_it(
    world, sealed, monkeypatch
):
    """Also beside a receiver that serves: a change that is under way ends within moments."""
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 0.0)
    stray = world.data / "keyrings" / f"{sealed.name}.next"
    stray.write_bytes(b"left by somebody")
    settle(world.layout, world.desk.log)
    assert stray.exists()
    assert f"{sealed.name}.next" in " ".join(world.doubts())
    stray.unlink()


def test_a_start_leaves_the_old_one_where_the_new_one_was_spoilt(world, sealed, caplog):
    change = Change(world, sealed, 1)
    waiting = world.layout.next_keyring(sealed.name, hashlib.sha256(change.keyring).hexdigest())
    waiting.write_bytes(change.keyring[:-1])
    world.desk.sequencer.submit(change.note).result()
    settle(world.layout, world.desk.log)
    assert "is not what its name says" in caplog.text
    assert world.layout.keyring(sealed.name).read_bytes() == sealed.keyring
    assert send(world, sealed, change).status_code == 200
    assert lies(world, sealed) == [change.keyring]


def test_a_disk_that_is_full_leaves_a_keyring_that_the_log_names(world, sealed, monkeypatch):
    change = Change(world, sealed, 1)
    for name in ("replace_file", "sync_folder"):
        with monkeypatch.context() as broken:
            broken.setattr(durable, name, fail)
            assert send(world, sealed, change).status_code == 507
        assert send(world, sealed, change).status_code == 200
        assert lies(world, sealed) == [change.keyring]


def fail(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_batch_that_is_sent_again_meanwhile_does_not_bring_the_old_one_back(
    world, sealed, monkeypatch
):
    """The files were lost; while the device sends them anew, its keyring is replaced."""
    change = Change(world, sealed, 1)
    (world.layout.keyring(sealed.name)).unlink()
    log, register = world.desk.log, world.desk.register
    upload = Upload(sealed.name, world.layout, log, register, lambda _: None)
    upload.feed([memoryview(sealed.body)])
    new = Replacement(sealed.name, change.note, change.keyring)
    replace_keyring(world.layout, log, register, world.desk.sequencer, new)
    upload.finish()
    upload.abandon()
    assert lies(world, sealed) == [change.keyring]


def test_a_turn_that_was_lost_while_a_keyring_is_replaced_puts_no_older_one_back(
    world, sealed, monkeypatch
):
    """Another receiver seals and places a later change between the look and the put."""
    first = Change(world, sealed, 1)
    second = Change(world, sealed, 0, before=first)
    promote, later = KeyringFiles.promote, []

    def late(store, waiting, name, version):
        if not later:  # as the other one leaves it
            later.append(name)
            store.replace(name, second.keyring, version)
            patch.setattr(rekeying, "_is_changed_to", lambda *_: False)
        return promote(store, waiting, name, version)

    with monkeypatch.context() as patch:
        patch.setattr(KeyringFiles, "promote", late)
        assert send(world, sealed, first).status_code == 200
    assert later
    assert lies(world, sealed) == [second.keyring]  # nor does the first one wait for a start
    assert send(world, sealed, second).status_code == 200


@pytest.mark.parametrize("placed", [True, False], ids=["in its place", "nowhere"])
def test_a_keyring_that_waits_no_more_is_in_its_place_or_nothing_is_attested(
    world, sealed, monkeypatch, placed
):
    change, promote = Change(world, sealed, 1), KeyringFiles.promote

    def gone(store, waiting, name, version):
        if placed:  # by the same request at another receiver
            promote(store, waiting, name, version)
        store.remove(waiting)
        raise FileNotFoundError(2, "not in the store", waiting)

    with monkeypatch.context() as patch:
        patch.setattr(KeyringFiles, "promote", gone)
        answer = send(world, sealed, change)
    assert answer.status_code == (200 if placed else 503)
    assert lies(world, sealed) == [change.keyring if placed else sealed.keyring]
    assert send(world, sealed, change).status_code == 200
    assert lies(world, sealed) == [change.keyring]


def test_of_two_changes_at_once_the_later_one_stays(world, sealed, monkeypatch):
    first = Change(world, sealed, 1)
    second = Change(world, sealed, 0, before=first)
    sealed_first, go_on = Event(), Event()
    settle_now = rekeying._settle_one

    def slow(*arguments, **named):
        if not sealed_first.is_set():
            sealed_first.set()
            go_on.wait(10)
        return settle_now(*arguments, **named)

    monkeypatch.setattr(rekeying, "_settle_one", slow)
    thread = Thread(target=send, args=(world, sealed, first))
    thread.start()
    assert sealed_first.wait(10)
    assert send(world, sealed, second).status_code == 200
    go_on.set()
    thread.join()
    assert lies(world, sealed) == [second.keyring]
