# SPDX-License-Identifier: EUPL-1.2
"""One device that says odd things of itself takes the pages away from nobody."""

from datetime import UTC, datetime

import pytest

from lakzegel_core.heartbeatrows import ProblemCount, ReadoutDue
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
