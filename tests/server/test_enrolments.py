# SPDX-License-Identifier: EUPL-1.2
"""Tokens that let nobody in any more are refused, and it is seen: page, trail, alert."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.withdrawal import Withdrawal, sign_withdrawal
from lakzegel_server.alerting.observed import observe
from lakzegel_server.database import Database
from lakzegel_server.pages.sources import rings_of
from lakzegel_server.people import trailrows


def code(answer):
    return answer.json()["type"].rpartition("/")[2]


def admitted(world, kit, name, *, group="ring-1", count=1, days=90):
    """A device that was admitted by name, in a group, and did not enrol yet."""
    token = kit.new_key(f"{kit.ORIGIN}/token/{hashlib.sha256(name.encode()).hexdigest()[:8]}")
    until = kit.START + timedelta(days=days)
    leave = Admission(kit.ORIGIN, token.verifier, name, group, count, until, "default")
    note = sign_admission(leave, world.office.enrolment)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    tree = world.client.checkpoint().checkpoint
    return kit.unsealed_device(world.office, name, tree, admission=note, token=token, group=group)


def enrol(world, device, **changes):
    return world.client("POST", "/v1/notes", device.enrolment, **changes)


def withdraw(world, kit, *devices):
    ids = tuple(sorted(hashlib.sha256(one.admission).digest() for one in devices))
    note = sign_withdrawal(Withdrawal(kit.ORIGIN, ids, "stolen", kit.START), world.office.enrolment)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200


def counted(world):
    """Enrolments and questions that were refused, by code, as the trail has them."""
    world.desk.trail.flush()
    database = Database.open_readonly(world.layout.database)
    rows = [json.loads(line) for _, line in trailrows.waiting(database.connection, 1000)]
    database.close()
    found = Counter()
    for row in rows:
        if (row["object"], row["result"]) == ("enrolment", "refused"):
            found[row["code"]] += row["count"]
    return found


def test_tokens_that_let_nobody_in_are_refused_and_seen_everywhere(timed, kit, hands):
    world = timed
    used, stolen, late = (
        admitted(world, kit, n, days=d) for n, d in (("a", 90), ("b", 90), ("c", 2))
    )
    assert enrol(world, used).status_code == 200
    again = admitted(world, kit, "d")
    thief = kit.unsealed_device(
        world.office, "a", world.client.checkpoint().checkpoint, admission=used.admission,
        token=used.token, group="ring-1",
    )  # fmt: skip
    assert enrol(world, thief).status_code == 409  # epoch 0 is there; as a new epoch:
    withdraw(world, kit, stolen)
    assert code(enrol(world, stolen)) == "withdrawn"
    hands.now += timedelta(days=3)
    assert code(enrol(world, late)) == "expired"  # by the receiver's clock: the device's is back
    assert enrol(world, again).status_code == 200
    stranger = kit.unsealed_device(world.office, "x", world.client.checkpoint().checkpoint)
    answer = world.client("POST", "/v1/device", stranger.query(stranger.token))
    assert code(answer) == "not-admitted"
    page = world.as_("it")("GET", "/problems", **{"Accept-Language": "en"}).text
    for found in ("expired", "withdrawn", "not-admitted"):
        assert f"<code>{found}</code>" in page
    assert "Refused enrolments" in page
    now = int(hands.now.timestamp())
    assert observe(world.desk, now)["enrolment-refused"] == 1
    assert observe(world.desk, now + 3 * 3600).get("enrolment-refused") is None
    seen = counted(world)
    assert {code: seen[code] for code in ("expired", "withdrawn", "not-admitted")} == {
        "expired": 1, "withdrawn": 1, "not-admitted": 1,
    }  # fmt: skip


def test_a_token_that_is_used_up_lets_no_second_device_in(world, kit):
    first = admitted(world, kit, "a")
    tree = world.client.checkpoint().checkpoint
    shared = kit.new_key(f"{kit.ORIGIN}/token/0badcafe")
    note = world.office.admission(shared, group="g", count=2)
    assert world.as_("admin")("POST", "/v1/notes", note).status_code == 200
    more = [
        kit.unsealed_device(world.office, n, tree, admission=note, token=shared, group="g")
        for n in ("p", "q", "r")
    ]
    assert [enrol(world, one).status_code for one in (first, *more)] == [200, 200, 200, 403]
    assert world.desk.register.refusals()[-1][:2] == ("r", "exhausted")


def test_a_token_of_one_name_lets_in_no_other(world, kit):
    device = admitted(world, kit, "a")
    other = kit.unsealed_device(
        world.office, "b", world.client.checkpoint().checkpoint, admission=device.admission,
        token=device.token, group="ring-1",
    )  # fmt: skip
    assert code(world.client("POST", "/v1/device", other.query(device.token))) == "not-admitted"
    assert code(enrol(world, other)) == "not-admitted"


def test_nobody_makes_an_alert_without_a_token(timed, kit, hands):
    device = admitted(timed, kit, "a", days=2)
    hands.now += timedelta(days=3)
    forged = replace(device, token=kit.new_key(device.token.verifier.name))
    claim = kit.unsealed_device(
        timed.office, "a", timed.client.checkpoint().checkpoint, admission=device.admission,
        token=forged.token, group="ring-1",
    )  # fmt: skip
    assert code(enrol(timed, claim)) in {"signature", "unknown-key"}
    assert "enrolment-refused" not in observe(timed.desk, int(hands.now.timestamp()))


def test_a_device_that_came_in_goes_on_when_its_leave_is_taken_back(world, kit):
    device = admitted(world, kit, "a")
    assert enrol(world, device).status_code == 200
    withdraw(world, kit, device)
    assert world.client.put(device.seal()).status_code == 200
    answer = world.client("POST", "/v1/device", device.query())
    assert answer.status_code == 200


def test_a_policy_is_seen_to_come_from_ring_to_ring(world, kit):
    devices = [admitted(world, kit, n, group=g) for n, g in (("a", "r1"), ("b", "r1"), ("c", "r2"))]
    admitted(world, kit, "d", group="r2")
    for one in devices:
        assert enrol(world, one).status_code == 200
    admin = world.as_("admin")
    for serial, group in ((6, "r1"), (6, "r2"), (7, "r1")):
        note = world.office.policy_note(serial, f"group:{group}")
        assert admin("POST", "/v1/notes", note).status_code == 200
    versions = ("0.9.1", "0.10.0", "0.9.1")
    for one, serial, version in zip(devices, (7, 6, 6), versions, strict=True):
        note = one.heartbeat(policy=serial, agent=version)
        assert world.client("POST", "/v1/heartbeats", note).status_code == 204
    found, left_out = rings_of(world.desk)
    assert left_out == 0
    assert [(r.group, r.devices, r.expected, r.serial, r.following, r.others) for r in found] == [
        ("r1", 2, 0, 7, 1, (6,)),
        ("r2", 1, 1, 6, 1, ()),
    ]
    page = world.as_("it")("GET", "/", **{"Accept-Language": "en"}).text
    assert "Groups, their policies and versions" in page
    assert [r.versions for r in found] == [(("0.10.0", 1), ("0.9.1", 1)), (("0.9.1", 1),)]
    assert ">0.10.0: 1, 0.9.1: 1</td>" in page
