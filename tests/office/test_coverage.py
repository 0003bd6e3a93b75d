# SPDX-License-Identifier: EUPL-1.2
"""Which hours are not covered, by what a device sealed and by what it did not."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core.encoding import format_time
from lakzegel_office.coverage import by_batches, by_statements, union

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def at(days, hours=0):
    return START + timedelta(days=days, hours=hours)


def gap(start, end, why="asleep", **more):
    return {"from": format_time(start), "to": format_time(end), "why": why, **more}


def attestation(start, end, *off):
    return {
        "type": "attestation",
        "since": format_time(start),
        "until": format_time(end),
        "off": list(off),
    }


def said(*values, until=None, closed=()):
    found = by_statements(values, closed, until)
    return [(one.start, one.end, one.why) for one in found.gaps]


def test_days_that_are_attested_without_a_gap_are_covered():
    days = [attestation(at(n), at(n + 1)) for n in range(5)]
    assert said(*days, until=at(5, 20)) == []


def test_a_gap_that_is_named_is_not_covered_and_counts_once():
    night = gap(at(0, 10), at(0, 22), seconds=43_200)
    start = {"type": "start", "version": "1", "off": [night]}
    found = by_statements([start, attestation(at(0), at(1), night)], [], at(1, 2))
    assert [(one.why, one.seconds) for one in found.gaps] == [("asleep", 43_200)]
    assert found.hours == 12.0


def test_a_day_that_nobody_attested_is_a_gap():
    days = [attestation(at(0), at(1)), attestation(at(3), at(4))]
    assert said(*days, until=at(4)) == [(at(1), at(3), "unattested")]


def test_the_day_under_way_is_not_due_yet_and_a_longer_silence_is_a_gap():
    day = attestation(at(0), at(1))
    assert said(day, until=at(2, 5)) == []
    assert said(day, until=at(4)) == [(at(1), at(4), "unattested")]
    assert said(day) == []  # a custody that ended


def test_a_device_that_never_attests_is_not_covered_after_its_first_day():
    assert said(closed=[at(0), at(0, 2)], until=at(0, 20)) == []
    assert said(closed=[at(0), at(0, 2)], until=at(3)) == [(at(0), at(3), "unattested")]


def test_without_keys_the_absence_of_a_days_batch_is_a_gap():
    found = by_batches([at(0), at(1), at(4)], at(4, 12))
    assert [(one.start, one.end, one.why) for one in found.gaps] == [(at(1), at(4), "no batch")]
    assert by_batches([at(0)], None).gaps == ()
    assert [one.end for one in by_batches([at(0)], at(9)).gaps] == [at(9)]


def test_only_the_newest_readiness_says_what_is_not_covered():
    old = {"type": "readiness", "sources": [{"source": "a", "covered": False, "why": "missing"}]}
    new = {
        "type": "readiness",
        "sources": [
            {"source": "a", "covered": True, "why": ""},
            {"source": "b\x1b[2J", "covered": False, "why": "unreadable"},
        ],
        "apps": ["signal"],
    }
    found = by_statements([old, new], [], None)
    assert found.sources == (("b?[2J", "unreadable"),)
    assert found.apps == ("signal",)
    assert found.to_json()["sources_not_covered"] == [{"source": "b?[2J", "why": "unreadable"}]


@pytest.mark.parametrize(
    "row",
    [
        {}, 5, None, {"from": 1, "to": 2, "why": "off"}, gap(at(0), at(1), "a\x1b[2J"),
        {"from": "yesterday", "to": "today", "why": "off"},
    ],
)  # fmt: skip
def test_what_is_not_well_formed_states_nothing(row):
    assert said(attestation(at(0), at(1), row), until=at(1)) == []
    assert said({"type": "attestation", "since": row, "until": row, "off": row}) == []


moments = st.integers(0, 200).map(lambda hours: at(0, hours))
spans = st.lists(st.tuples(moments, moments), max_size=12)


@given(spans)
def test_a_union_covers_what_its_parts_cover_and_no_more(parts):
    joined = union(parts)
    assert all(one[1] < two[0] for one, two in pairwise(joined))
    for hour in range(200):
        there = at(0, hour) + timedelta(minutes=30)
        assert any(a < there < b for a, b in parts) == any(a < there < b for a, b in joined)


@given(spans, st.lists(st.tuples(moments, moments), max_size=6))
def test_no_moment_is_both_attested_and_unattested(attested, off):
    values = [attestation(a, b, *(gap(c, d) for c, d in off)) for a, b in attested]
    for start, end, why in said(*values, until=at(0, 220)):
        if why == "unattested":
            middle = start + (end - start) / 2
            assert not any(a < middle < b for a, b in attested)


def test_what_a_clock_ahead_attested_covers_no_time_to_come(world, device, capsys):
    begin = world.receiver.now
    ahead = attestation(begin, begin + 1000 * DAY)
    device.send([device.observation(ahead, source="device")], closed=begin + 1000 * DAY)
    world.pull()
    world.receiver.now = begin + 10 * DAY
    world.enrol("another")
    world.pull()
    for more in ((), ("--open",)):
        capsys.readouterr()
        world.run("verify", "--json", *more)
        (found,) = json.loads(capsys.readouterr().out)["devices"][-1:]
        assert found["device"] == "minister"
        assert found["coverage"]["hours_not_covered"] == pytest.approx(10 * 24 - 30, abs=1)
