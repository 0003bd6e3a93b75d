# SPDX-License-Identifier: EUPL-1.2
"""A term of office ends on a laptop: a last batch, nothing after it, and no key left behind."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.path.leaving import GONE, at_work, leave, put


def ends(ready, at, *more):
    """Have a policy say when the term ends."""
    ready.hidden = ("[term]", f"ends = {at:%Y-%m-%dT%H:%M:%SZ}", *more)
    ready.set_policy()


def past(**since):
    return datetime.now(UTC) - timedelta(**since)


def said(ready, kind):
    """Observations of this type, oldest first."""
    payloads = [row["payload"] for row in ready.items("observation")]
    return [payload for payload in payloads if payload["type"] == kind]


def test_the_last_batch_is_final_and_says_what_became_of_everything(ready):
    put(ready, een="een", twee="twee")
    ready.once()
    put(ready, drie="drie")
    ends(ready, past(minutes=1))
    ready.once()
    status = ready.status()
    assert status["ended"] is True
    assert status["problems"] == []
    ready.pull()
    (last,) = said(ready, "term-ended")
    rows = {row["source"]: row for row in last["sources"]}
    assert rows["map"]["sealed"] == status["ledger"]["sealed"] == 3
    assert sum(row["found"] for row in rows.values()) == status["ledger"]["found"]
    put(ready, vier="vier")
    assert ready.once()["found"] == 3  # counted no more, captured no more
    left = ready.status()["ended"]
    assert left["ledger"] == status["ledger"]
    assert (left["device"], left["epoch"]) == ("minister-laptop", 0)
    names = {path.name for path in ready.agent_home.iterdir()}
    assert not names & GONE
    assert "nothing is captured here any more" in ready.agent("once", expect=2).stderr
    assert "the term of office ended" in ready.agent("run").stderr
    token = ready.root / "again"
    ready.office("admit", "--device", "opvolger", token)
    done = ready.agent("enrol", "--token-file", token, expect=2)
    assert "a home of his own" in done.stderr
    ready.pull()
    assert not (ready.restore() / "map" / "vier").exists()
    ready.verify()


def test_what_was_there_before_the_term_is_counted_and_never_opened(ready):
    folder = put(ready, voorganger="van hem")
    began = int(time.time()) + 1
    os.utime(folder / "voorganger", (1, 1))
    while time.time() < began:
        time.sleep(0.05)  # a file system's own clock: nothing to await
    put(ready, opvolger="van haar")
    ready.hidden = ("[term]", f"begins = {datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%SZ}")
    ready.set_policy()
    figures = ready.once()
    assert (figures["found"], figures["sealed"], figures["excluded"]) == (2, 1, 1)
    assert ready.status()["reasons"] == {"before-term": 1}
    ready.pull()
    assert {path.name for path in (ready.restore() / "map").iterdir()} == {"opvolger"}
    put(ready, voorganger="door haar veranderd")
    assert ready.once()["sealed"] == 2


def test_a_term_whose_end_lies_ahead_goes_on_and_one_that_ended_does_not_come_back(ready):
    put(ready, een="een")
    ends(ready, datetime.now(UTC) + timedelta(days=1))
    ready.once()
    assert ready.status()["ended"] is False
    ends(ready, past(seconds=1))
    ready.once()
    assert ready.status()["ended"] is True
    ends(ready, datetime.now(UTC) + timedelta(days=30))
    put(ready, twee="twee")
    ready.once()
    assert ready.status()["ledger"]["found"] == 1


@pytest.mark.soak
def test_a_running_agent_ends_by_itself_once_the_office_has_everything(ready):
    put(ready, een="een")
    ends(ready, past(minutes=1))
    with at_work(ready) as agent:
        leave(ready, agent)
    assert ready.status()["ended"]["ledger"]["sealed"] == 1
