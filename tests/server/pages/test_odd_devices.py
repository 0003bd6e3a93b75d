# SPDX-License-Identifier: EUPL-1.2
"""One device that says odd things of itself takes the pages away from nobody."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_core.heartbeatrows import ProblemCount, ReadoutDue
from lakzegel_server.fleet.model import Condition, DeviceHealth
from lakzegel_server.fleet.reading import read_fleet
from lakzegel_server.fleet.timeline import EpochOf
from lakzegel_server.pages.coverage import calendar, gaps
from lakzegel_server.pages.device import span_of
from lakzegel_server.pages.moments import Moments
from lakzegel_server.settings_pages import zone_of

LAST_HOUR = datetime(9999, 12, 31, 23, tzinfo=UTC)  # in Amsterdam that is no year any more


def get(world, path):
    return world.as_("it")("GET", path, **{"Accept-Language": "en", "Accept": "text/html"})


def test_a_time_at_the_end_of_all_times_is_shown_and_breaks_no_page(world, device):
    said = device.heartbeat(
        started=LAST_HOUR,
        certificate=LAST_HOUR,
        problems=(ProblemCount("files-failed", 1, LAST_HOUR),),
        readouts=(ReadoutDue("telefoon", LAST_HOUR, overdue=True),),
    )
    assert world.client("POST", "/v1/heartbeats", said).status_code == 204
    for path in ("/", "/fleet.csv", "/problems", f"/devices/{device.name}"):
        answer = get(world, path)
        assert answer.status_code == 200, path
    assert "31 December 9999, 23:00" in answer.text


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/New_York"])
def test_the_first_and_the_last_moment_have_words(zone):
    show = Moments(str, "en", zone_of(zone), datetime(2026, 11, 24, tzinfo=UTC))
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert str(moment.year) in show.full(moment)


def test_a_new_epoch_hides_no_day_that_was_owed_before_it(world, device, kit):
    fleet = read_fleet(world.desk, world.desk.fleet.now())
    (found,) = fleet.devices
    days = [fleet.at - timedelta(days=n) for n in (20, 0)]
    epochs = [EpochOf(n, day, "first", n, 0) for n, day in enumerate(days)]
    found = replace(found, enrolled=days[-1])  # of the epoch that it opened today
    weeks = calendar((), span_of(found, epochs), fleet.at)
    assert len(list(gaps(weeks))) == 20
    assert len(list(gaps(calendar((), span_of(found, epochs[1:]), fleet.at)))) == 0


def test_a_device_without_an_epoch_owes_nothing(world):
    expected = DeviceHealth("laptop", None, "x", 0, None, Condition.EXPECTED)
    assert list(gaps(calendar((), span_of(expected, ()), world.desk.fleet.now()))) == []


@pytest.mark.parametrize(
    ("language", "late", "well"),
    [
        ("en", "1 of 1 devices needs attention.", "1 captures as agreed."),
        ("nl", "1 van de 1 apparaten vraagt aandacht.", "1 legt vast zoals afgesproken."),
    ],
)
def test_one_device_is_one(world, device, language, late, well):
    asked = {"Accept": "text/html", "Accept-Language": language}
    assert world.client.put(device.seal()).status_code == 200
    assert well in world.as_("it")("GET", "/", **asked).text
    said = device.heartbeat(
        problems=(ProblemCount("spool-full", 1, datetime(2026, 11, 24, 2, tzinfo=UTC)),)
    )
    assert world.client("POST", "/v1/heartbeats", said).status_code == 204
    assert late in world.as_("it")("GET", "/", **asked).text


@pytest.mark.parametrize(
    ("sort", "column", "said"),
    [
        ("spool", "Waiting on the device", "descending"),
        ("-spool", "Waiting on the device", "ascending"),
        ("device", "Device", "ascending"),
        ("-sealed", "Last sealed", "descending"),
    ],
)
def test_who_hears_the_page_is_told_how_it_is_sorted(world, device, sort, column, said):
    page = get(world, f"/?sort={sort}").text
    assert re.search(rf'aria-sort="{said}"><a href="[^"]+">{column}<', page)
