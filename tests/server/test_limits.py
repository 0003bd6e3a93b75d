# SPDX-License-Identifier: EUPL-1.2
"""One sender cannot starve the others, and what is refused for now is lost to nobody."""

import os
import select
import socket
import time
from contextlib import ExitStack

import pytest

from lakzegel_server import limiting
from lakzegel_server import register as register_module
from lakzegel_server.errors import TooManyError
from lakzegel_server.limiting import Limits, network_of
from lakzegel_server.register import MAX_HELD_BACK
from lakzegel_server.settings import Settings
from lakzegel_server.settings_limits import LimitSettings

CROWD = 70  # more than the uploads that a receiver takes at a time


@pytest.fixture
def limited(tmp_path, kit):
    """Makes a serving receiver with limits, whose clock the test moves."""
    with ExitStack() as stack:

        def make(**limits):
            settings = Settings(limits=LimitSettings(**limits))
            return stack.enter_context(kit.world_at(tmp_path / "data", settings=settings))

        yield make


def begin(world, upload, sent, **headers):
    """An upload of which only so much comes."""
    host, port = world.client.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)))
    lines = [f"PUT /v1/batches/{upload.name} HTTP/1.1", "Host: x"]
    lines += [f"Content-Length: {len(upload.body)}", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + upload.body[:sent])
    return connection


def answered(connections, count):
    """The heads of the answers that came, once there are so many."""
    found = {}
    deadline = time.monotonic() + 20
    while len(found) < count:
        waiting = [c for c in connections if c not in found]
        ready, _, _ = select.select(waiting, [], [], max(deadline - time.monotonic(), 0))
        assert ready, f"{len(found)} of {count} answers came"
        found |= {connection: connection.recv(65_536).decode() for connection in ready}
    return found


def test_a_device_that_floods_leaves_room_for_the_others(limited):
    world = limited()
    flooding, other = world.enrol("flooding"), world.enrol("other")
    uploads = [flooding.seal([os.urandom(2**17)], advance=False) for _ in range(CROWD)]
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(begin(world, upload, len(upload.body) - 1)) for upload in uploads
        ]
        heads = answered(crowd, CROWD - 4)
        statuses = [head.split(" ")[1] for head in heads.values()]
        # one that came before the others were looked at may have found no place at all
        assert {"429"} <= set(statuses) <= {"429", "503"}
        assert all("retry-after: " in head.lower() for head in heads.values())
        upload = other.seal()
        world.receipt(world.client.put(upload), upload)
        assert world.desk.limits.counts()["device_uploads"] == statuses.count("429")
        refused = uploads[crowd.index(next(iter(heads)))]
    while world.desk.intake._names:
        world.client("GET", "/v1/health")
    world.receipt(world.client.put(refused), refused)  # nothing was lost, and nothing is held on to
    assert world.desk.limits._uploads == {}
    assert world.left_behind()[2] == []


def test_uploads_that_prove_nothing_hold_up_no_other_address(limited):
    world = limited()
    device = world.enrol()
    uploads = [device.seal([os.urandom(2**17)], advance=False) for _ in range(CROWD)]
    here = {"X-Forwarded-For": "192.0.2.7"}
    with ExitStack() as stack:
        crowd = [stack.enter_context(begin(world, upload, 100, **here)) for upload in uploads]
        heads = answered(crowd, CROWD - 16).values()
        assert {head.split(" ")[1] for head in heads} == {"429"}
        upload = device.seal()
        answer = world.client.put(upload, **{"X-Forwarded-For": "192.0.2.8"})
        world.receipt(answer, upload)
    while world.desk.limits._unproven:
        world.client("GET", "/v1/health")


def test_small_uploads_that_prove_nothing_hold_up_not_even_their_own_address(limited):
    world = limited()
    device = world.enrol()
    uploads = [device.seal(advance=False) for _ in range(CROWD)]
    here = {"X-Forwarded-For": "192.0.2.7"}
    with ExitStack() as stack:
        for upload in uploads:
            stack.enter_context(begin(world, upload, 100, **here))
        upload = device.seal()
        world.receipt(world.client.put(upload, **here), upload)


def test_a_device_asks_so_often_a_minute_and_the_others_go_on(limited):
    world = limited(device_requests=3)
    one, other = world.enrol("one"), world.enrol("other")
    now = 0.0
    world.desk.limits._requests._clock = lambda: now
    for _ in range(2):
        assert world.client("POST", "/v1/device", one.query()).status_code == 200
    upload = one.seal()
    assert world.client.put(upload).status_code == 200
    answer = world.client("POST", "/v1/device", one.query())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "21")
    assert answer.json()["type"].endswith("/too-many")
    assert world.client.put(upload).status_code == 429  # to ask for its receipt counts as well
    assert world.client("POST", "/v1/device", other.query()).status_code == 200
    now = 21.0
    world.receipt(world.client.put(upload), upload)
    assert world.desk.limits.counts()["device_requests"] == 2


def test_what_a_device_sends_a_day_can_be_limited_and_no_batch_is_cut(limited):
    world = limited(device_bytes="1 MiB")
    one, other = world.enrol("one"), world.enrol("other")
    now = 0.0
    world.desk.limits._bytes._clock = lambda: now
    first = one.seal([os.urandom(3 * 2**20)])
    world.receipt(world.client.put(first), first)
    second = one.seal()
    answer = world.client.put(second)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    upload = other.seal()
    world.receipt(world.client.put(upload), upload)
    now = 3 * 86_400.0
    world.receipt(world.client.put(second), second)


def test_by_default_a_first_capture_is_not_held_up():
    limits = Limits(clock=lambda: 0.0)
    for _ in range(2_000):  # 2 TB within a moment
        with limits.upload("192.0.2.1") as ticket:
            ticket.admit("one")
            ticket.count(2**30)
    assert set(limits.counts().values()) == {0}


def test_batches_that_a_device_signed_and_may_not_send_are_counted_too(limited, kit):
    world = limited(device_requests=2)
    device = world.enrol()
    wrong = [device.seal(batch=7, advance=False) for _ in range(3)]
    assert [world.client.put(upload).status_code for upload in wrong] == [409, 409, 429]
    assert len(world.desk.register.refusals()) == 2
    others = device.seal(
        key=kit.new_key(device.header.verifier.name), advance=False
    )  # signed by somebody else
    assert world.client.put(others).status_code == 403


def test_what_nobody_signed_is_written_down_together_and_the_rest_is_numbered(limited):
    world = limited()
    register = world.desk.register
    for number in range(1, 3 * MAX_HELD_BACK + 1):
        register.refuse(device="-", code="signature", entry_id=str(number), proven=False)
    register.flush()
    rows = world.desk.accounts.connection.execute("SELECT number, id FROM refusals").fetchall()
    first, last = 2 * MAX_HELD_BACK + 1, 3 * MAX_HELD_BACK
    assert rows == [(number, str(number)) for number in range(first, last + 1)]


def test_of_one_device_the_newest_refusals_are_kept(limited, monkeypatch):
    monkeypatch.setattr(register_module, "MAX_PROVEN", 10)
    register = limited().desk.register
    register.refuse(device="other", code="fork", entry_id="a", proven=True)
    for number in range(128):
        register.refuse(device="one", code="fork", entry_id=str(number), proven=True)
    kept = register.refusals()
    assert [row[2] for row in kept] == ["a", *map(str, range(118, 128))]


def test_an_address_without_login_has_a_share_of_its_own(limited):
    world = limited(address_requests=2)
    there = {"X-Forwarded-For": "192.0.2.7"}
    health = [world.client("GET", "/v1/health", **there).status_code for _ in range(3)]
    assert health == [200, 200, 429]
    assert world.client("GET", "/v1/health", **{"X-Forwarded-For": "192.0.2.8"}).ok
    assert world.client("GET", "/v1/health").ok  # from this machine
    asker = world.as_("records")
    assert asker("GET", "/v1/timestamps", **there).ok  # with a login
    asker.close()


@pytest.mark.parametrize(
    ("host", "sender"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("127.0.0.1", None), ("::1", None),
        ("::ffff:127.0.0.1", None), (None, None), ("", None), ("testclient", None),
    ],
)  # fmt: skip
def test_a_sender_is_an_address_or_a_network_of_one(host, sender):
    assert network_of(host) == sender


def test_a_share_fills_up_again_evenly_and_never_beyond_itself():
    now = 0.0
    limits = Limits(LimitSettings(device_requests=60), clock=lambda: now)
    for _ in range(60):
        limits.device("one")
    with pytest.raises(TooManyError) as error:
        limits.device("one")
    assert error.value.seconds == 2
    now = 10.0
    for _ in range(10):
        limits.device("one")
    now = 10_000.0
    for _ in range(60):
        limits.device("one")
    with pytest.raises(TooManyError):
        limits.device("one")


def test_senders_without_number_take_no_memory_without_end(monkeypatch):
    monkeypatch.setattr(limiting, "MAX_KNOWN", 10)
    limits = Limits(clock=lambda: 0.0)
    for number in range(100):
        limits.address(f"192.0.2.{number}")
    assert len(limits._addresses._known) == 10


@pytest.mark.parametrize(
    "wrong",
    [{"device_uploads": 0}, {"device_uploads": 65}, {"device_bytes": "1 KiB"},
     {"device_bytes": 5}, {"device_requests": "many"}, {"uploads": 3}],
)  # fmt: skip
def test_limits_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(ValueError, match="limits"):
        Settings.model_validate({"limits": wrong})
