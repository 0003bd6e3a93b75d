# SPDX-License-Identifier: EUPL-1.2
"""Two copies of one device are found; a restart, and putting a machine back once, are not that."""

from datetime import timedelta
from itertools import count

import pytest

from lakzegel_server.alerting.observed import observe
from lakzegel_server.fleet.lives import KNOWN, WINDOW, Lives, read
from lakzegel_server.fleet.reading import read_fleet

MINUTES, HOUR = timedelta(minutes=15), timedelta(hours=1)


def heard(lives, start, *, every=MINUTES):
    """What is known after heartbeats of these lives, a letter each."""
    known = Lives(0)
    for place, name in enumerate(lives):
        known = known.heard(0, name.encode() * 16, start + place * every)
    return known, start + (len(lives) - 1) * every


@pytest.mark.parametrize(
    "lives",
    [
        "AAAA",  # runs on
        "ABCDEFGHIJKLMNOP",  # starts anew at each heartbeat
        "AAABBBCCC",
        "AABBAAAAA",  # put back to a moment when A ran, with its memory
        "ABCA",
    ],
)
def test_one_device_is_never_called_two(kit, lives):
    known, now = heard(lives, kit.START)
    assert known.cloned(now) is None
    assert len(known.names) <= KNOWN


@pytest.mark.parametrize("lives", ["ABAB", "AABBAB", "ABCACB", "AAAABABABAB"])
def test_two_that_are_alive_at_once_are_found_and_since_when(kit, lives):
    known, now = heard(lives, kit.START)
    first = next(n for n in count(1) if lives[n] in lives[:n] and lives[n] != lives[n - 1])
    assert known.cloned(now) == kit.START + first * MINUTES


def test_it_is_over_once_only_one_is_heard_and_begins_anew_after_that(kit):
    known, now = heard("ABAB", kit.START)
    assert known.cloned(now + WINDOW - MINUTES) is not None
    assert known.cloned(now + WINDOW) is None
    later = now + WINDOW + HOUR
    again = known.heard(0, b"A" * 16, later)
    assert again.cloned(later) is None, "one return, as of a machine that was put back"
    again = again.heard(0, b"B" * 16, later + HOUR)
    assert again.cloned(later + HOUR) == later


def test_copies_are_found_at_the_slowest_cadence_that_there_is(kit):
    known, now = heard("ABAB", kit.START, every=timedelta(hours=13))
    assert known.cloned(now) is not None


def test_new_keys_are_a_new_beginning(kit):
    known, now = heard("ABA", kit.START)
    known = known.heard(1, b"B" * 16, now)
    assert known == Lives(1, (b"B" * 16,))


def test_a_cloned_device_is_told_of_with_its_runbook_also_after_a_restart(world, device, kit):
    for counter, name in enumerate((b"A", b"B", b"A", b"B"), 1):
        assert observe(world.desk, int(kit.NOW)).get("cloned") is None
        data = device.heartbeat(counter, boot=name * 16)
        assert world.client("POST", "/v1/heartbeats", data).status_code == 204
    (found,) = read_fleet(world.desk, kit.START).devices
    assert [one.code for one in found.troubles] == ["cloned"]
    assert found.condition == "troubled"
    assert observe(world.desk, int(kit.NOW))["cloned"] == 1
    with world.desk.fleet.reading() as connection:
        known = read(connection, [device.name])
    assert known[device.name].cloned(kit.START) == kit.START
    page = world.as_("it")("GET", f"/devices/{device.name}", Accept="text/html").text
    assert "/runbooks#cloned" in page


def test_a_changed_row_is_doubted(world, device):
    world.client("POST", "/v1/heartbeats", device.heartbeat())
    with world.desk.fleet._database.transaction() as change:
        change.execute("UPDATE lives SET returns = 9")
    assert world.doubts() == ["index.sqlite: table lives: a row was changed"]
    with world.desk.fleet._database.transaction() as change:
        change.execute("DELETE FROM lives")
