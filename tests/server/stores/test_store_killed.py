# SPDX-License-Identifier: EUPL-1.2
"""The store is killed again and again under load; receiver and devices go on, nothing is lost."""

import subprocess
import threading
import time

import pytest

from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.stores.opening import StorePlace, StorePlaces, opened
from lakzegel_server.stores.s3 import S3Objects
from lakzegel_server.stores.stores import Stores
from tests import s3server
from tests.server.conftest import world_at
from tests.server.stores.conftest import KNOWN, ORIGIN, Bucket

pytestmark = pytest.mark.soak
SECONDS = 60.0


@pytest.fixture
def own(tmp_path):
    """A server of this test's own, which it may kill."""
    if s3server.program() is None:
        pytest.skip("weed, an S3 server with Object Lock, is not installed")
    with s3server.running(tmp_path / "weed") as running:
        yield running


class Pusher(threading.Thread):
    """One device that sends batch after batch, each until it has a receipt."""

    def __init__(self, world, device):
        super().__init__()
        self.world, self.device, self.over = world, device, threading.Event()
        self.sealed, self.again, self.wrong = [], 0, []

    def run(self):
        while not self.over.is_set():
            upload = self.device.seal([b"x" * 4000])
            while True:
                answer = self.world.client.put(upload)
                if answer.status_code == 200:
                    break
                self.again += 1
                if answer.status_code not in {503, 507}:
                    self.wrong.append((answer.status_code, answer.text))
                    return
                self.over.wait(0.2)
            self.world.receipt(answer, upload)
            self.sealed.append(upload)


def test_a_store_that_is_killed_again_and_again_costs_no_batch(own, tmp_path):
    client = own.client
    objects = Bucket(own, client, own.bucket(lock=True, client=client), days=1)
    keyrings = Bucket(own, client, own.bucket(lock=False, client=client))
    places = StorePlaces(StorePlace(objects.place, KNOWN), StorePlace(keyrings.place, KNOWN))
    data = tmp_path / "data"
    index = Layout(data).database

    def open_stores():
        return opened(Stores.below(data), index, places, ORIGIN, time.time)

    with open_stores() as stores, world_at(data, None, stores) as world:
        pushers = [Pusher(world, world.enrol(f"device-{number}")) for number in range(4)]
        for one in pushers:
            one.start()
        end, kills = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            time.sleep(5)
            own.process.kill()
            own.process.wait()
            time.sleep(1)
            own.process = subprocess.Popen(
                own.process.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd=tmp_path / "weed",
            )  # fmt: skip
            kills += 1
        for one in pushers:
            one.over.set()
        for one in pushers:
            one.join()
        assert [one.wrong for one in pushers] == [[]] * 4
        sealed = [upload for one in pushers for upload in one.sealed]
        again = sum(one.again for one in pushers)
        print(f"{kills} kills, {len(sealed)} batches sealed, {again} times asked to come again")
        assert isinstance(stores.objects, S3Objects)
    with open_stores() as stores:
        report = check(Layout(data, given=stores))
        assert [str(doubt) for doubt in report.doubts] == []
        for upload in sealed:
            assert stores.objects.read(f"batches/{upload.name}.batch", 2**20) == upload.batch
            assert stores.keyrings.read(f"keyrings/{upload.name}.keyring", 2**20) == upload.keyring
