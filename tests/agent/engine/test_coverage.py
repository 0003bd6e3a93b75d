# SPDX-License-Identifier: EUPL-1.2
"""What the agent knows of its own absence, and says each day."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_agent import attestation, coverage
from lakzegel_agent.coverage import Gap, Moment, Record
from lakzegel_agent.coveragepulse import NAME, Pulse, moment
from lakzegel_agent.ledger import Ledger

TEN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
NIGHT = timedelta(hours=9)
MARK = Moment(TEN, "boot-a", 5_000.0, 4_000.0)


def later(mark, seconds, *, asleep=0.0, boot=None, set_by=0.0):
    return Moment(
        mark.at + timedelta(seconds=seconds + set_by),
        boot or mark.boot,
        mark.since_boot + seconds,
        mark.awake + seconds - asleep,
    )


def found(now, *, fresh=False, stopped=False):
    after = Record(TEN, MARK, stopped).marked(now, fresh=fresh)
    gaps = [(gap.why, gap.seconds) for gap in after.gaps]
    return gaps, [step.seconds for step in after.steps]


@pytest.mark.parametrize(
    ("now", "more", "expected"),
    [
        (later(MARK, 60), {}, ([], [])),
        (later(MARK, 1260, asleep=1200), {}, ([("asleep", 1200)], [])),
        (later(MARK, 600), {}, ([("stalled", 600)], [])),
        (later(MARK, 60, set_by=-86_400), {}, ([], [-86_400])),
        (later(MARK, 60, set_by=3), {}, ([], [])),
        (later(MARK, 300), {"fresh": True}, ([("killed", 300)], [])),
        (later(MARK, 300), {"fresh": True, "stopped": True}, ([("stopped", 300)], [])),
        (later(MARK, 4), {"fresh": True}, ([], [])),
        (later(MARK, 300, set_by=-900), {"fresh": True}, ([("killed", 300)], [-900])),
        (replace(MARK, at=TEN + NIGHT, boot="b"), {"fresh": True}, ([("off", 32_400)], [])),
        (replace(MARK, at=TEN - NIGHT, boot="b"), {"fresh": True}, ([("off", None)], [])),
        (replace(MARK, at=TEN + NIGHT, since_boot=5.0), {"fresh": True}, ([("off", 32_400)], [])),
    ],
)  # fmt: skip
def test_two_marks_tell_what_lay_between(now, more, expected):
    assert found(now, **more) == expected


def test_a_gap_is_from_the_mark_before_to_the_mark_after():
    after = Record(TEN, MARK).marked(later(MARK, 1260, asleep=1200), fresh=False)
    assert after.gaps == (Gap(TEN, TEN + timedelta(seconds=1260), "asleep", 1200),)
    assert after.gaps[0].to_json() == {
        "from": "2026-03-01T10:00:00Z",
        "to": "2026-03-01T10:21:00Z",
        "why": "asleep",
        "seconds": 1200,
    }


def test_a_record_comes_back_as_it_was_kept_and_nonsense_does_not():
    record = replace(
        Record(TEN, MARK).marked(later(MARK, 1260, asleep=1200, set_by=60), fresh=False),
        looked={"Postvak IN": (3, "2026-03-01T10:00:00Z")},
    )
    assert Record.unpack(record.pack()) == record
    for data in (b"", b"{}", b"[]", b'{"mark":[1,2,3,4]}', b"2026-03-01T10:00:00Z"):
        assert Record.unpack(data) is None


def test_beyond_a_limit_gaps_are_counted():
    record, mark = Record(TEN, MARK), MARK
    for _ in range(coverage.MOST + 7):
        mark = later(mark, 120, asleep=60)
        record = record.marked(mark, fresh=False)
    assert (len(record.gaps), record.more) == (coverage.MOST, 7)


class Clock:
    """Moments as a test wants them."""

    def __init__(self):
        self.now = MARK

    def __call__(self):
        return self.now

    def goes_on(self, seconds, **more):
        self.now = later(self.now, seconds, **more)


@pytest.fixture
def device(engine):
    clock = Clock()

    def begin():
        pulse = Pulse(lambda: Ledger.open(engine.home / "ledger.sqlite", engine.key), clock=clock)
        gaps = pulse.begin(engine.ledger)
        pulses.append(pulse)
        return pulse, gaps

    pulses = []
    yield engine, clock, begin
    for pulse in pulses:
        pulse.stop(engine.ledger)


def attested(engine):
    rows = engine.ledger.files.queued(after=-(2**62), limit=1000)
    said = [json.loads(row.payload) for row in rows]
    return [value for value in said if value["type"] == "attestation"]


def test_a_day_without_news_is_attested_with_what_was_looked_at(device):
    engine, clock, begin = device
    engine.write("a", b"een")
    (engine.root / "link").symlink_to("a")
    pulse, gaps = begin()
    assert gaps == ()
    engine.capture()
    pulse.looked(["docs"])
    assert not attestation.attest(engine.ledger, pulse, clock.now.at)
    for _ in range(1440):
        clock.goes_on(60)
        pulse.looked(["docs"])
    assert attestation.attest(engine.ledger, pulse, clock.now.at)
    (said,) = attested(engine)
    assert (said["since"], said["until"]) == ("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z")
    (row,) = said["sources"]
    assert (row["found"], row["sealed"], row["excluded"], row["failed"]) == (2, 1, 1, 0)
    assert row["reasons"] == {"excluded": {"symlink": 1}, "failed": {}}
    assert (row["passes"], row["looked"]) == (1441, "2026-03-02T10:00:00Z")
    assert not attestation.attest(engine.ledger, pulse, clock.now.at)


def test_days_of_absence_are_one_attestation_with_the_span_and_the_gap(device):
    engine, clock, begin = device
    pulse, _ = begin()
    pulse.stop(engine.ledger)
    clock.goes_on(4 * 86_400, boot="boot-b")
    clock.now = replace(clock.now, since_boot=30.0, awake=30.0)
    pulse, gaps = begin()
    assert [(gap.why, gap.seconds) for gap in gaps] == [("off", 4 * 86_400)]
    assert attestation.attest(engine.ledger, pulse, clock.now.at)
    (said,) = attested(engine)
    assert (said["since"], said["until"]) == ("2026-03-01T10:00:00Z", "2026-03-05T10:00:00Z")
    assert said["off"] == [gaps[0].to_json()]


def test_a_killed_agent_knows_since_when_it_was_gone(device):
    _, clock, begin = device
    begin()
    clock.goes_on(900)
    _, gaps = begin()  # of another process: nobody stopped the first in order
    assert [(gap.start, gap.why, gap.seconds) for gap in gaps] == [(TEN, "killed", 900)]


def test_a_clock_that_was_set_back_attests_at_once(device):
    engine, clock, begin = device
    pulse, _ = begin()
    clock.goes_on(60, set_by=-86_400)
    assert attestation.attest(engine.ledger, pulse, clock.now.at)
    (said,) = attested(engine)
    assert [step["seconds"] for step in said["steps"]] == [-86_400]


def test_the_span_that_is_stated_and_the_next_one_meet(device):
    engine, clock, begin = device
    pulse, _ = begin()
    for _ in range(3):
        clock.goes_on(86_400)
        attestation.attest(engine.ledger, pulse, clock.now.at)
    said = attested(engine)
    assert [one["until"] for one in said[:-1]] == [one["since"] for one in said[1:]]


def test_what_an_older_agent_kept_there_is_passed_over(device):
    engine, _, begin = device
    engine.ledger.remember(NAME, b"2026-03-01T10:00:00Z")
    _, gaps = begin()
    assert gaps == ()


def test_the_clocks_of_this_machine_go_forward():
    one, two = moment(), moment()
    assert one.boot == two.boot
    assert two.since_boot >= one.since_boot
    assert two.awake >= one.awake
