# SPDX-License-Identifier: EUPL-1.2
"""What came of a device, and when, is known without holding up what is sealed."""

from datetime import timedelta

from lakzegel_server.fleet import arrivals as module
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.fleet.records import FleetRecords
from lakzegel_server.fleet.timeline import read_timeline

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def seal(world, device, hands, *, at, payloads=(b"x",), **changes):
    hands.now = at
    upload = device.seal(payloads, closed=changes.pop("closed", at), **changes)
    assert world.client.put(upload).status_code == 200
    return upload


def beat(world, device, hands, at, counter):
    hands.now = at
    assert world.client("POST", "/v1/heartbeats", device.heartbeat(counter)).status_code == 204


def again(world, hands):
    """What a receiver remembers that is started on this DATA now."""
    return FleetRecords.open(world.layout, hands)


def test_a_sealed_batch_is_known_at_once_with_place_time_and_size(timed, kit, hands):
    device = timed.enrol()
    at = kit.START + HOUR
    upload = seal(timed, device, hands, at=at, payloads=(b"a", b"b"), closed=at - 2 * HOUR)
    newest = read_fleet(timed.desk, at).devices[0].newest
    assert (newest.batch, newest.items, newest.size) == (0, 2, len(upload.batch))
    assert (newest.at, newest.closed, newest.exact) == (at, at - 2 * HOUR, True)
    assert timed.desk.fleet.arrivals(device.name, kit.START) == [newest]


def test_days_hours_and_gaps_follow_from_what_came(timed, kit, hands):
    device = timed.enrol()
    seal(timed, device, hands, at=kit.START + HOUR)
    seal(timed, device, hands, at=kit.START + 3 * HOUR)
    seal(timed, device, hands, at=kit.START + 3 * DAY)
    beat(timed, device, hands, kit.START + DAY, 1)
    beat(timed, device, hands, kit.START + DAY + 2 * HOUR, 2)
    now = kit.START + 5 * DAY
    found = read_timeline(timed.desk, device.name, now, span=6 * DAY)
    days = {one.day: one for one in found.days}
    assert len(days) == 7
    first, second = days[kit.START.date()], days[(kit.START + DAY).date()]
    assert (first.batches, first.items, first.batch_hours) == (2, 2, (3, 5))
    assert (second.batches, second.beat_hours) == (0, (2, 4))
    assert [arrival.batch for arrival in found.arrivals] == [2, 1, 0]
    assert [(gap.begin, gap.end) for gap in found.gaps] == [
        (kit.START + 3 * HOUR, kit.START + 3 * DAY),
        (kit.START + 3 * DAY, None),
    ]
    later = read_timeline(timed.desk, device.name, now + 90 * DAY, span=6 * DAY)
    assert [(gap.begin, gap.end) for gap in later.gaps] == [(now + 84 * DAY, None)]
    (epoch,) = found.epochs
    assert (epoch.epoch, epoch.reason, epoch.batches) == (0, "first", 3)


def test_after_the_end_of_a_custody_there_is_no_gap(timed, kit, hands):
    device = timed.enrol()
    seal(timed, device, hands, at=kit.START + HOUR, state=kit.State.FINAL)
    assert read_timeline(timed.desk, device.name, kit.START + 9 * DAY).gaps == ()


def test_of_a_device_that_nobody_knows_there_is_no_timeline(world, kit):
    assert read_timeline(world.desk, "laptop-1", kit.START) is None


def test_what_a_crash_took_is_found_again_in_the_log(timed, kit, hands):
    device = timed.enrol()
    seal(timed, device, hands, at=kit.START + HOUR)
    timed.desk.fleet.told.write()
    upload = seal(timed, device, hands, at=kit.START + 2 * HOUR, closed=kit.START + HOUR)
    timed.desk.fleet.told._told.clear()  # as if the process had ended here
    found = again(timed, hands)
    assert [one.batch for one in found.arrivals(device.name, kit.START)] == [0]
    found.tend(timed.desk.log)
    second, first = found.arrivals(device.name, kit.START)
    assert (second.at, second.exact) == (kit.START + HOUR, False)
    assert (second.size, first.exact) == (len(upload.batch), True)
    assert found.health(device.name, hands.now).newest == second
    found.tend(timed.desk.log)
    assert sum(day.batches for day in found.days(device.name, kit.START.date()).values()) == 2
    found.close()


def test_an_index_without_arrivals_learns_them_from_the_whole_log(timed, kit, hands, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 2)
    device, other = timed.enrol(), timed.enrol("other")
    for hour in range(3):
        seal(timed, device, hands, at=kit.START + hour * HOUR)
    seal(timed, other, hands, at=kit.START + 3 * HOUR)
    timed.desk.fleet.told.write()
    with timed.desk.fleet._database.transaction() as change:
        change.execute("DELETE FROM arrivals")
        change.execute("DELETE FROM device_days")
    found = again(timed, hands)
    found.tend(timed.desk.log)
    assert [one.batch for one in found.arrivals(device.name, kit.START)] == [2, 1, 0]
    assert found.health("other", hands.now).newest.batch == 0
    found.close()


def test_old_arrivals_leave_their_day_and_the_newest_of_a_device_stays(timed, kit, hands):
    device, other = timed.enrol(), timed.enrol("other")
    seal(timed, other, hands, at=kit.START)
    for day in (0, 1):
        seal(timed, device, hands, at=kit.START + day * DAY)
    seal(timed, device, hands, at=kit.START + 40 * DAY)
    found = again(timed, hands)
    found.tend(timed.desk.log)
    assert [one.batch for one in found.arrivals(device.name, kit.START)] == [2]
    assert [one.batch for one in found.arrivals("other", kit.START)] == [0]
    assert len(found.days(device.name, kit.START.date())) == 3
    found.close()
    found = again(timed, hands)
    found.tend(timed.desk.log)  # what was dropped is not found again in the log
    assert len(found.arrivals(device.name, kit.START)) == 1
    days = found.days(device.name, kit.START.date())
    assert sum(day.batches for day in days.values()) == 3
    hands.now += 500 * DAY
    found.tend(timed.desk.log)
    assert found.days(device.name, kit.START.date()) == {}
    assert found.health(device.name, hands.now).newest.batch == 2
    found.close()


def test_an_index_that_is_locked_keeps_nobody_from_sealing_and_loses_nothing(timed, kit, hands):
    device = timed.enrol()
    fleet = timed.desk.fleet
    with fleet._lock:
        seal(timed, device, hands, at=kit.START + HOUR)
        assert fleet.health(device.name, hands.now).newest.batch == 0
    assert [one.batch for one in fleet.arrivals(device.name, kit.START)] == [0]
