# SPDX-License-Identifier: EUPL-1.2
"""Whoever waits for the log hears of a batch as soon as it is sealed."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_server import waiting


@pytest.fixture
def patient(world):
    return world.as_("records")


def until_waiting(world, count):
    while world.desk.waiting.count != count:
        time.sleep(0.005)


def test_a_log_that_is_larger_already_is_the_answer_at_once(world, patient):
    answer = patient("GET", "/v1/wait?size=0&seconds=60")
    assert open_checkpoint(answer.content, world.keys).checkpoint.size == 1
    assert patient("GET", "/v1/wait").content == answer.content


def test_a_log_that_does_not_grow_is_204_after_the_time(world, patient):
    assert patient("GET", "/v1/wait?size=1&seconds=0").status_code == 204
    assert patient("GET", "/v1/wait?size=9007199254740991&seconds=0").status_code == 204


@pytest.mark.parametrize(
    ("query", "status"),
    [("size=x", 400), ("size=-1", 400), ("seconds=1.5", 400), ("seconds=61", 413)],
)
def test_what_is_no_number_or_too_long_is_refused(world, patient, query, status):
    assert patient("GET", f"/v1/wait?{query}").status_code == status


def test_everybody_who_waits_hears_of_a_batch_as_soon_as_it_is_sealed(world, device):
    size = world.client.checkpoint().checkpoint.size

    def wait(_):
        answer = world.as_("audit")("GET", f"/v1/wait?size={size}&seconds=30")
        return time.monotonic(), open_checkpoint(answer.content, world.keys).checkpoint.size

    with ThreadPoolExecutor(20) as pool:
        waiters = [pool.submit(wait, i) for i in range(20)]
        until_waiting(world, 20)
        began = time.monotonic()
        upload = device.seal()
        world.receipt(world.client.put(upload), upload)
        heard = [waiter.result(20) for waiter in waiters]
    assert {found for _, found in heard} == {size + 1}
    assert max(at for at, _ in heard) - began < 1.0
    assert world.desk.waiting.count == 0


def test_too_many_who_wait_are_asked_to_come_again(world, patient, monkeypatch):
    monkeypatch.setattr(waiting, "MAX_WAITING", 0)
    assert patient("GET", "/v1/wait?size=1&seconds=5").status_code == 503


def test_one_that_goes_away_waits_no_longer(world, patient):
    answer = patient.session.get
    thread = threading.Thread(target=lambda: _leave(answer, patient, world))
    thread.start()
    until_waiting(world, 1)
    until_waiting(world, 0)
    thread.join()


def _leave(get, patient, world):
    with pytest.raises(Exception, match="timed out"):
        get(
            f"{patient.url}/v1/wait?size=1&seconds=60",
            headers={"Authorization": f"Bearer {patient.token}"},
            timeout=0.3,
        )


def test_a_receiver_that_stops_lets_them_go(tmp_path, kit):
    with kit.world_at(tmp_path / "data") as world:
        patient = world.as_("records")

        def wait():
            with pytest.raises(OSError, match=r"abort|reset|closed"):
                patient("GET", "/v1/wait?size=1&seconds=60")

        thread = threading.Thread(target=wait)
        thread.start()
        until_waiting(world, 1)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    thread.join()
