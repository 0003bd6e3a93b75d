# SPDX-License-Identifier: EUPL-1.2
"""Whatever a device may say of itself comes back as it was, and has one encoding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_core.errors import FormatError, LakzegelError, LimitError, RoleError
from lakzegel_core.heartbeat import (
    MAX_GUARDS,
    MAX_PROBLEMS,
    Heartbeat,
    open_heartbeat,
    sign_heartbeat,
)
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    LastReceipt,
    ProblemCount,
    ReadoutDue,
    SourceCount,
    SpoolUse,
)
from lakzegel_core.limits import MAX_HEARTBEAT, MAX_INT

ORIGIN = "log.example/test"
counts = st.integers(0, 2**40)
words = st.text("abz019-", min_size=1, max_size=12).map(lambda word: f"a{word}z")
moments = st.integers(0, 4_000_000_000).map(lambda n: datetime.fromtimestamp(n, UTC))
hours = moments.map(lambda at: at.replace(minute=0, second=0))
names = st.sampled_from(["telefoon", "telefoon werk", "Téléphone — 2", "a b  c", "電話", "x" * 128])


def some(made, key, limit):
    """Rows in the order that they must have."""
    rows = st.lists(made, max_size=limit, unique_by=key)
    return rows.map(lambda found: tuple(sorted(found, key=key)))


heartbeats = st.builds(
    Heartbeat,
    origin=st.just(ORIGIN),
    device=words,
    epoch=st.integers(0, MAX_INT),
    boot=st.binary(min_size=16, max_size=16),
    counter=st.integers(0, MAX_INT),
    at=moments,
    agent=st.sampled_from(["0.1.0", "1", "12.0.3.4", "0.5.0rc1", "0.1.0.dev7", "1.0+abc"]),
    started=hours,
    policy=st.none() | st.integers(1, MAX_INT),
    ledger=st.tuples(counts, counts, counts).map(lambda three: Figures(sum(three), *three)),
    spool=st.builds(SpoolUse, counts, counts, st.none() | counts),
    receipt=st.none() | st.builds(LastReceipt, counts, moments),
    skew=st.none() | st.integers(-MAX_INT, MAX_INT),
    certificate=st.none() | moments,
    problems=some(st.builds(ProblemCount, words, counts, hours), lambda row: row.key, 5),
    guards=some(st.builds(GuardCount, words, words, counts), lambda row: row.key, 5),
    readouts=some(st.builds(ReadoutDue, names, hours, st.booleans()), lambda row: row.key, 3),
    sources=some(st.builds(SourceCount, words, counts), lambda row: row.key, 3),
)


@given(heartbeats)
def test_what_is_said_comes_back_as_it_was(said):
    text = said.to_text()
    assert Heartbeat.from_text(text) == said
    assert Heartbeat.from_text(text).to_text() == text


@given(heartbeats, st.data())
def test_a_changed_line_is_another_heartbeat_or_none(said, data):
    lines = said.to_text().decode().splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.text(max_size=60)) + "\n"
    text = "".join(lines).encode("utf-8", "surrogatepass")
    try:
        found = Heartbeat.from_text(text)
    except LakzegelError:
        return
    assert found.to_text() == text


@pytest.fixture
def said():
    at = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    return Heartbeat(
        ORIGIN, "laptop-1", 0, bytes(16), 1, at, "0.5.0", at, None, Figures(0, 0, 0, 0),
        SpoolUse(0, 0, None), None, None, None,
    )  # fmt: skip


@pytest.fixture
def key(parts):
    return parts.make_key(f"{ORIGIN}/laptop-1/0/header")


def test_only_the_header_key_of_its_device_and_epoch_signs_it(said, key, parts):
    assert open_heartbeat(sign_heartbeat(said, key), key.verifier) == said
    for name in ("laptop-1/1/header", "laptop-2/0/header", "laptop-1/0/witness"):
        with pytest.raises(RoleError):
            sign_heartbeat(said, parts.make_key(f"{ORIGIN}/{name}"))


def test_more_lines_than_there_may_be_are_not_signed(said, key):
    problems = tuple(ProblemCount(f"p{n:03}", 1, said.at) for n in range(MAX_PROBLEMS + 1))
    guards = tuple(GuardCount(f"g{n:03}", "drifted", 1) for n in range(MAX_GUARDS + 1))
    sign_heartbeat(replace(said, problems=problems[1:], guards=guards[1:]), key)
    for more in ({"problems": problems}, {"guards": guards}):
        with pytest.raises(LimitError):
            sign_heartbeat(replace(said, **more), key)


def test_one_that_is_too_long_in_all_is_not_signed(said, key):
    guards = tuple(GuardCount(f"g{n:03}-{'x' * 50}", "y" * 63, 1) for n in range(MAX_GUARDS))
    with pytest.raises(LimitError, match=str(MAX_HEARTBEAT)):
        sign_heartbeat(replace(said, guards=guards), key)


def test_a_time_that_tells_more_than_the_hour_is_not_signed(said, key):
    late = said.at + timedelta(minutes=7)
    for more in (
        {"started": late},
        {"problems": (ProblemCount("no-room", 1, late),)},
        {"readouts": (ReadoutDue("telefoon", late, overdue=False),)},
    ):
        with pytest.raises(FormatError, match="hour"):
            sign_heartbeat(replace(said, **more), key)


@pytest.mark.parametrize("name", ["", " ", "a\n", " a", "a\tb", "x" * 129])
def test_a_name_that_would_not_come_back_is_not_signed(said, key, name):
    readouts = (ReadoutDue(name, said.at, overdue=False),)
    with pytest.raises(FormatError):
        sign_heartbeat(replace(said, readouts=readouts), key)
