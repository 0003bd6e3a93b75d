# SPDX-License-Identifier: EUPL-1.2
"""A whole receiver whose objects are in S3: what people and devices see is what it always was."""

import hashlib
import os
import threading
import time
from contextlib import ExitStack

import pytest

from lakzegel_server.alerting.observed import observe
from lakzegel_server.errors import ClashError
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.stores.failing import StoreError
from lakzegel_server.stores.opening import StorePlace, StorePlaces, opened
from lakzegel_server.stores.s3 import MARK, S3Objects
from lakzegel_server.stores.s3client import S3Client
from lakzegel_server.stores.stores import Stores
from lakzegel_server.sweeping import Sweeping
from lakzegel_server.together import Whole
from lakzegel_server.unsealed import Unsealed
from lakzegel_server.upload import Sealed, Upload
from tests.server.conftest import NOW, serving, world_at
from tests.server.rekeyed import Change
from tests.server.stores.conftest import KNOWN, ORIGIN


class Kept:
    """Where everything of one receiver is, and how it is opened."""

    def __init__(self, data, index, places):
        self.data, self.index, self.places = data, index, places

    def open(self, *, changing=True):
        index = Layout(self.data, index=self.index).database
        below = Stores.below(self.data)
        return opened(below, index, self.places, ORIGIN, time.time, changing=changing)

    def report(self):
        with self.open(changing=False) as stores:
            return check(Layout(self.data, index=self.index, given=stores))


@pytest.fixture(params=["sqlite"])
def kept(request, tmp_path, object_bucket, keyring_bucket):
    index = request.getfixturevalue("address") if request.param == "postgresql" else None
    places = StorePlaces(
        StorePlace(object_bucket.place, KNOWN), StorePlace(keyring_bucket.place, KNOWN)
    )
    return Kept(tmp_path / "data", index, places)


@pytest.fixture
def world(kept):
    with kept.open() as stores, world_at(kept.data, kept.index, stores) as made:
        yield made
    assert [str(doubt) for doubt in kept.report().doubts] == []


@pytest.fixture
def sealed(world):
    upload = world.enrol().seal([b"een", b"twee" * 1000])
    world.receipt(world.client.put(upload), upload)
    return upload


@pytest.mark.parametrize("kept", ["sqlite", "postgresql"], indirect=True)
def test_a_batch_is_sealed_handed_out_and_locked(world, sealed, object_bucket):
    records = world.as_("records")
    assert records("GET", f"/v1/batches/{sealed.name}").content == sealed.batch
    assert records("GET", f"/v1/keyrings/{sealed.name}").content == sealed.keyring
    assert world.client.put(sealed).status_code == 200  # again, as after an answer that was lost
    assert world.left_behind() == [[], [], []]
    (version,) = object_bucket.versions(f"batches/{sealed.name}")
    retention = object_bucket.admin.get_object_retention(
        Bucket=object_bucket.name, Key=version["Key"]
    )
    assert retention["Retention"]["Mode"] == "COMPLIANCE"


def test_a_keyring_that_is_replaced_is_gone(world, sealed, keyring_bucket):
    change = Change(world, sealed, 1)
    answer = world.as_("records")("POST", f"/v1/keyrings/{sealed.name}", change.body)
    assert answer.status_code == 200
    got = world.as_("records")("GET", f"/v1/keyrings/{sealed.name}")
    assert got.content == change.keyring
    (version,) = keyring_bucket.versions(f"keyrings/{sealed.name}")
    assert version["VersionId"] == "null"
    assert keyring_bucket.versions("waiting/") == []


@pytest.mark.parametrize("kept", ["sqlite", "postgresql"], indirect=True)
def test_annexes_and_held_statements_are_kept(world, kept):
    data = b"encrypted" * 100
    name = hashlib.sha256(data).hexdigest()
    assert world.as_("records")("PUT", f"/v1/annexes/{name}", data).status_code == 204
    tree = world.client.checkpoint().checkpoint
    assert world.as_("records")("POST", "/v1/held", world.office.held_note(tree)).status_code < 300
    assert world.as_("records")("GET", "/v1/held").status_code == 200
    assert (kept.data / "held").exists() is (kept.index is None)
    assert not list((kept.data / "annexes").iterdir())


def test_a_store_that_fails_is_503_and_nothing_is_sealed(world, monkeypatch):
    device = world.enrol()
    size = world.client.checkpoint().checkpoint.size
    upload = device.seal()

    def fail(*_, **__):
        raise StoreError(5, "the store answers 503 SlowDown")

    with monkeypatch.context() as patch:
        patch.setattr(S3Objects, "settle", fail)
        answer = world.client.put(upload)
    assert answer.status_code == 503
    assert answer.json()["retry"]
    assert "SlowDown" in answer.json()["detail"]
    assert world.client.checkpoint().checkpoint.size == size
    world.receipt(world.client.put(upload), upload)


def test_whoever_watches_is_told_that_a_store_is_away(world, monkeypatch):
    it = world.as_("it")
    found = {one["name"]: one for one in it("GET", "/healthz").json()["tests"]}
    assert found["stores"]["passed"]

    def fail(*_, **__):
        raise StoreError(5, "the store cannot be reached")

    monkeypatch.setattr(S3Objects, "test", fail)
    world.desk.vitals.probes._ended = -1e9  # what was found a moment ago is told again
    answer = it("GET", "/healthz")
    assert answer.status_code == 503
    failed = [one for one in answer.json()["tests"] if not one["passed"]]
    assert [one["name"] for one in failed] == ["stores"]
    assert "cannot be reached" in failed[0]["detail"]


def test_a_store_that_is_away_is_an_alert_and_one_alone(world, monkeypatch):
    desk, asked, away, ask = world.desk, threading.Semaphore(0), threading.Event(), S3Client.ask
    chore = desk.chores["store-objects"]

    def answer(client, operation, name=None, **arguments):
        if name == MARK and client is world.stores.objects._client:
            asked.release()
            if away.is_set():
                raise StoreError(5, "the store cannot be reached")
        return ask(client, operation, name, **arguments)

    def observed():
        for _ in range(2):  # in the second round the first is over
            chore.wake()
            assert asked.acquire(timeout=10)
        return observe(desk, int(NOW))

    monkeypatch.setattr(S3Client, "ask", answer)
    assert "store-away" not in observed()
    away.set()
    desk.chores["trail"].failed = "StoreError"  # as whatever else needs it then
    found = observed()
    assert found["store-away"] == 1
    assert "chore-failing" not in found
    away.clear()
    assert "store-away" not in observed()


def test_a_receiver_that_was_killed_goes_on(kept):
    with ExitStack() as stack:
        stores = stack.enter_context(kept.open())
        world = stack.enter_context(world_at(kept.data, kept.index, stores))
        device = world.enrol()
        uploads = [device.seal() for _ in range(3)]
        for upload in uploads:
            world.receipt(world.client.put(upload), upload)
        before = world.client.checkpoint()
        signer = world.desk.log._signing._signer
    # nothing of what this process remembered is left: tiles are made of the index
    with (
        kept.open() as stores,
        serving(Layout(kept.data, index=kept.index, given=stores), signer) as (_, desk),
    ):
        assert desk.log.root(before.checkpoint.size) == before.checkpoint.root
        assert desk.log.shown.checkpoint.size >= before.checkpoint.size


def test_what_was_never_sealed_stays_locked_and_check_says_so(kept):
    orphan = os.urandom(32).hex()
    with kept.open() as stores, world_at(kept.data, kept.index, stores) as world:
        stores.objects.put(f"batches/{orphan}.batch", b"never sealed")
        stores.keyrings.put(f"keyrings/{orphan}.keyring", b"never sealed")
        world.layout.unsealed.unlink(missing_ok=True)
        unsealed = Unsealed.open(world.layout)
        sweeping = Sweeping(world.layout, world.desk.log, world.desk.register, unsealed)
        sweeping.before_sealing()
        sweeping.look_at_all()
    report = kept.report()
    assert report.doubts == ()
    assert {one.place.partition("/")[0] for one in report.orphans} == {"batches", "keyrings"}
    assert any("until its term ends" in one.what for one in report.orphans)


def test_check_names_what_the_store_lost_or_has_otherwise(kept, object_bucket, keyring_bucket):
    with kept.open() as stores, world_at(kept.data, kept.index, stores) as world:
        device = world.enrol()
        uploads = [device.seal() for _ in range(2)]
        for upload in uploads:
            world.receipt(world.client.put(upload), upload)
    object_bucket.put(f"batches/{uploads[0].name}.batch", b"something else")
    keyring_bucket.admin.delete_object(
        Bucket=keyring_bucket.name,
        Key=f"{keyring_bucket.prefix}/keyrings/{uploads[1].name}.keyring",
    )
    found = {doubt.place: doubt.what for doubt in kept.report().doubts}
    assert found.pop(f"keyrings/{uploads[1].name}.keyring") == "missing"
    assert list(found) == [f"batches/{uploads[0].name}.batch"]


class Heard:
    """Who waits for what becomes of an upload, without a loop."""

    def __init__(self):
        self.outcome, self.heard = None, threading.Event()

    def get_loop(self):
        return self

    def call_soon_threadsafe(self, call):
        call()

    def done(self):
        return False

    def set_exception(self, error):
        self.outcome = error
        self.heard.set()

    def set_result(self, found):
        self.outcome = found
        self.heard.set()


def test_of_uploads_that_are_settled_together_one_that_clashes_is_in_nobodys_way(world):
    uploads = [world.enrol(f"device-{number}").seal() for number in range(3)]
    world.stores.keyrings.put(f"keyrings/{uploads[1].name}.keyring", b"of something else")
    group = []
    for one in uploads:
        upload = Upload(one.name, world.layout, world.desk.log, world.desk.register)
        upload.feed([memoryview(one.body)])
        upload.complete()
        group.append(Whole(upload, (), lambda _index, _seen: b"", Heard()))
    world.desk.intake._together._settle(group)
    for one in group:
        assert one.done.heard.wait(20)
    assert [type(one.done.outcome) for one in group] == [Sealed, ClashError, Sealed]
    assert world.left_behind() == [[], [], []]
