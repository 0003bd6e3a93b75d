# SPDX-License-Identifier: EUPL-1.2
"""What becomes of what guards find, whichever they are (docs/spec/guards.md §2 to §6)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Change,
    Declaration,
    PlaceError,
    Reading,
    State,
    Surroundings,
)
from lakzegel_agent.guards.checking import (
    MAX_STATED,
    MAX_SUBJECTS,
    Found,
    check,
    compare,
    look,
    mode_of,
    shown,
    unsupported,
)
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.remembered import Looked, pack, recall, recall_places

from .conftest import Kept, Make, policy

OURS = b"keep = all # lakzegel\n"


class FileGuard:
    """Guards one line of one file, as a guard of a program would."""

    declaration: ClassVar[Declaration] = Declaration(
        "test-guard", (15,), EVERYWHERE, True, frozenset({"deletes"}), ""
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        held = surroundings.places["file"].read(self.place(surroundings))
        if held is None:
            return
        if b"garbage" in held:
            raise PlaceError("not-understood")
        locked = OURS in held
        if b"keep = 30" in held and not locked:
            yield Reading("one", State.DRIFTED, "deletes", {"keep": 30}, locked=False)
        else:
            yield Reading("one", State.COMPLIANT, "", {"keep": "all"}, locked=locked)

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        place = self.place(surroundings)
        held = surroundings.places["file"].read(place) or b""
        after = held if OURS in held else held + OURS
        yield Change("file", place, after, "keep everything")

    def without(self, place: str, held: bytes) -> bytes | None:
        return held.replace(OURS, b"") or None

    @staticmethod
    def place(surroundings: Surroundings) -> str:
        return str(surroundings.home / "settings")


GUARD = FileGuard()


def checked(
    surroundings: Surroundings, memory: Kept, mode: str = "enforce", by: str = "p1"
) -> Found:
    return check(GUARD, surroundings, mode, Enforcer(memory, by))


def state(found: Found) -> tuple[str, str]:
    (reading,) = found.readings
    return str(reading.state), reading.reason


def test_what_deletes_is_set_right_once_and_read_back(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"colour = blue\nkeep = 30\n")
    place.chmod(0o640)
    assert state(checked(around(), memory)) == ("repaired", "")
    assert place.read_bytes() == b"colour = blue\nkeep = 30\n" + OURS
    assert place.stat().st_mode & 0o777 == 0o640
    assert state(checked(around(), memory)) == ("compliant", "")


def test_in_report_nothing_is_written(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    assert state(checked(around(), memory, "report")) == ("drifted", "deletes")
    assert place.read_bytes() == b"keep = 30\n"


@pytest.mark.parametrize("mode", ["report", "off"])
def test_undoing_gives_back_what_was_there(around: Make, memory: Kept, mode: str) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    checked(around(), memory)
    checked(around(), memory, mode)
    assert place.read_bytes() == b"keep = 30\n"
    assert recall_places(memory) == []


def test_what_is_undone_is_found_as_it_is_then(around: Make, memory: Kept) -> None:
    (around().home / "settings").write_bytes(b"keep = 30\n")
    checked(around(), memory)
    assert state(checked(around(), memory, "report")) == ("drifted", "deletes")


def test_undoing_leaves_what_others_wrote_since(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    checked(around(), memory)
    place.write_bytes(place.read_bytes() + b"font = large\n")
    checked(around(), memory, "off")
    assert place.read_bytes() == b"keep = 30\nfont = large\n"


def test_a_competitor_is_told_of_and_not_fought(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    assert state(checked(around(), memory)) == ("repaired", "")
    for _ in range(5):
        place.write_bytes(b"keep = 30\n")
        assert state(checked(around(), memory)) == ("drifted", "contested")
        assert place.read_bytes() == b"keep = 30\n"


def test_a_lock_that_is_taken_away_counts_as_the_same_cause(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"colour = blue\n")
    assert state(checked(around(), memory)) == ("compliant", "")
    assert OURS in place.read_bytes()
    place.write_bytes(b"colour = blue\n")
    assert state(checked(around(), memory)) == ("drifted", "contested")


def test_another_policy_and_a_month_later_it_is_set_right_again(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    checked(around(), memory)
    place.write_bytes(b"keep = 30\n")
    assert state(checked(around(), memory, by="p2")) == ("repaired", "")
    place.write_bytes(b"keep = 30\n")
    assert state(checked(around(), memory, by="p2")) == ("drifted", "contested")
    later = replace(around(), now=around().now + timedelta(days=31))
    assert state(checked(later, memory, by="p2")) == ("repaired", "")


def test_a_crash_between_remembering_and_writing_is_no_competitor(
    around: Make, memory: Kept
) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")

    class Dies:
        def read(self, place: str) -> bytes | None:
            return around().places["file"].read(place)

        def write(self, place: str, value: bytes | None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked(around(places={"file": Dies()}), memory)
    assert state(checked(around(), memory)) == ("repaired", "")
    checked(around(), memory, "off")
    assert place.read_bytes() == b"keep = 30\n"


def test_what_may_not_be_written_stays_drifted(around: Make, memory: Kept) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")

    class Closed:
        def read(self, place: str) -> bytes | None:
            return around().places["file"].read(place)

        def write(self, place: str, value: bytes | None) -> None:
            raise PlaceError("not-permitted")

    assert state(checked(around(places={"file": Closed()}), memory)) == ("drifted", "not-permitted")


def test_a_fault_of_a_guard_is_unknown_and_never_compliant(around: Make) -> None:
    class Faulty(FileGuard):
        def look(self, surroundings: Surroundings) -> Iterable[Reading]:
            yield Reading("fine", State.COMPLIANT)
            raise ZeroDivisionError

    found = look(Faulty(), around(), "report")
    assert found.state is State.UNKNOWN
    assert {one.reason for one in found.readings} == {"", "fault"}


def test_a_file_that_is_not_understood_is_unknown_and_not_written(
    around: Make, memory: Kept
) -> None:
    place = around().home / "settings"
    place.write_bytes(b"garbage")
    found = checked(around(), memory)
    assert found.state is State.UNKNOWN
    assert found.readings[0].reason == "not-understood"


def test_another_platform_has_nothing_to_guard(around: Make, memory: Kept) -> None:
    class Elsewhere(FileGuard):
        declaration = replace(FileGuard.declaration, platforms=frozenset({"darwin"}))

    (around().home / "settings").write_bytes(b"keep = 30\n")
    found = check(Elsewhere(), around(), "enforce", Enforcer(memory, "p"))
    assert found.state is State.NOT_APPLICABLE
    assert (around().home / "settings").read_bytes() == b"keep = 30\n"


def payloads(
    readings: Sequence[Reading], before: Looked | None, at: str
) -> tuple[Looked, list[dict[str, Any]]]:
    look, said = compare(Found(GUARD, "report", tuple(readings)), before, at)
    return look, [json.loads(one) for one in said]


def test_the_office_hears_once_with_the_time_at_risk(around: Make) -> None:
    good = Reading("one", State.COMPLIANT, "", {"keep": "all"})
    bad = Reading("one", State.DRIFTED, "deletes", {"keep": 30})
    look, said = payloads([good], None, "2026-11-30T09:00:00Z")
    assert [(one["state"], one["before"], one["at_risk"]) for one in said] == [
        ("compliant", None, None)
    ]
    look, said = payloads([good], look, "2026-11-30T10:00:00Z")
    assert said == []
    look, said = payloads([bad], look, "2026-11-30T11:00:00Z")
    assert said[0]["at_risk"] == {"from": "2026-11-30T10:00:00Z", "until": None}
    assert (said[0]["before"], said[0]["after"]) == ({"keep": "all"}, {"keep": 30})
    look, said = payloads([bad], look, "2026-11-30T12:00:00Z")
    assert said == []
    _, said = payloads([good], look, "2026-11-30T13:00:00Z")
    assert said[0]["at_risk"] == {
        "from": "2026-11-30T10:00:00Z",
        "until": "2026-11-30T13:00:00Z",
    }


def test_what_was_never_seen_good_says_so(around: Make) -> None:
    _, said = payloads([Reading("one", State.UNKNOWN, "fault")], None, "2026-11-30T09:00:00Z")
    assert said[0]["at_risk"] == {"from": None, "until": None}


def test_the_moment_that_the_source_tells_is_the_beginning(around: Make) -> None:
    since = around().now - timedelta(days=3)
    bad = Reading("one", State.DRIFTED, "deletes", 30, since=since)
    _, said = payloads([bad], None, "2026-11-30T09:00:00Z")
    assert said[0]["at_risk"] == {"from": "2026-11-27T09:00:00Z", "until": None}


def test_a_subject_that_is_gone_is_stated_and_forgotten() -> None:
    look, _ = payloads([Reading("one", State.DRIFTED, "deletes", 30)], None, "2026-11-30T09:00:00Z")
    look, said = payloads([], look, "2026-11-30T10:00:00Z")
    assert (said[0]["state"], said[0]["after"], said[0]["before"]) == ("not-applicable", None, 30)
    assert look.subjects == {}


@pytest.mark.parametrize("holder", ["", "a", "a/b"])
def test_what_lies_in_something_unreadable_is_unknown_and_not_gone(holder: str) -> None:
    bad = Reading("a/b/one", State.DRIFTED, "deletes", 30, count=3)
    good = Reading("a/b/two", State.COMPLIANT, "", 0)
    other = Reading("ab/one", State.DRIFTED, "deletes", 30)
    unread = Reading(holder, State.UNKNOWN, "unreadable")
    look, _ = payloads([bad, good, other], None, "2026-11-30T09:00:00Z")
    look, said = payloads([unread, other], look, "2026-11-30T10:00:00Z")
    told = {one["subject"]: (one["state"], one["reason"], one["at_risk"]) for one in said}
    assert told["a/b/two"] == (
        "unknown",
        "unreadable",
        {"from": "2026-11-30T09:00:00Z", "until": None},
    )
    assert told["a/b/one"] == ("unknown", "unreadable", {"from": None, "until": None})
    assert look.subjects["a/b/one"].count == 3
    look, said = payloads([unread, other], look, "2026-11-30T11:00:00Z")
    assert said == []
    look, said = payloads([bad, other], look, "2026-11-30T12:00:00Z")
    told = {one["subject"]: (one["state"], one["reason"], one["at_risk"]) for one in said}
    assert told["a/b/one"] == ("drifted", "deletes", {"from": None, "until": None})
    assert told["a/b/two"][0] == "not-applicable"  # it could be read, and there is none


def test_beyond_the_limit_nothing_is_said_to_be_gone() -> None:
    look, _ = payloads([Reading("one", State.DRIFTED, "deletes")], None, "2026-11-30T09:00:00Z")
    found = Found(GUARD, "report", (Reading("two", State.COMPLIANT),), more=7)
    _, said = compare(found, look, "2026-11-30T10:00:00Z")
    assert "one" not in [json.loads(one)["subject"] for one in said]


def test_a_fault_in_what_it_would_change_is_unknown_too(around: Make, memory: Kept) -> None:
    class Faulty(FileGuard):
        def changes(
            self, surroundings: Surroundings, readings: Sequence[Reading]
        ) -> Iterable[Change]:
            raise LookupError(self.place(surroundings))

        def without(self, place: str, held: bytes) -> bytes | None:
            raise LookupError(place)

    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    assert state(check(Faulty(), around(), "enforce", Enforcer(memory, "p"))) == (
        "drifted",
        "fault",
    )
    assert Enforcer(memory, "p").planned(Faulty(), around(), []) == ([], "fault")
    checked(around(), memory)
    place.write_bytes(place.read_bytes() + b"font = large\n")
    found = check(Faulty(), around(), "report", Enforcer(memory, "p"))
    assert ("unknown", "fault") in [(str(one.state), one.reason) for one in found.readings]


def test_thousands_of_subjects_are_stated_over_several_looks() -> None:
    many = [Reading(f"chat {n}", State.COMPLIANT) for n in range(MAX_STATED * 2 + 1)]
    look: Looked | None = None
    heard: set[str] = set()
    for hour in range(3):
        look, said = payloads(many, look, f"2026-11-30T{hour:02}:00:00Z")
        heard |= {one["subject"] for one in said if one["subject"] is not None}
        assert len(said) <= MAX_STATED + 1
    assert heard == {one.subject for one in many}


def test_more_subjects_than_the_limit_are_counted_and_unknown(around: Make) -> None:
    class Many(FileGuard):
        def look(self, surroundings: Surroundings) -> Iterable[Reading]:
            return (Reading(str(n), State.COMPLIANT) for n in range(MAX_SUBJECTS + 7))

    found = look(Many(), around(), "report")
    assert (found.more, found.state) == (7, State.UNKNOWN)
    looked, _ = compare(found, None, "2026-11-30T09:00:00Z")
    assert shown(looked, GUARD, "report")["reasons"] == {"too-many": 7}


def test_it_sees_states_reasons_and_counts_and_no_name() -> None:
    look, _ = payloads(
        [
            Reading("Jan de Vries", State.DRIFTED, "deletes", {"chat": "Jan de Vries"}),
            Reading("Piet", State.COMPLIANT),
        ],
        None,
        "2026-11-30T09:00:00Z",
    )
    row = shown(look, GUARD, "report")
    assert row["subjects"] == {"drifted": 1, "compliant": 1}
    assert (row["state"], row["reasons"]) == ("drifted", {"deletes": 1})
    assert "Vries" not in json.dumps(row)
    assert "Piet" not in json.dumps(row)


def test_a_reading_may_stand_for_many_things_and_it_sees_how_many() -> None:
    many = Reading("found", State.DRIFTED, "deletes", {"items": [[0, 1, 2]]}, count=17)
    look, said = payloads([many], None, "2026-11-30T09:00:00Z")
    assert len(said) == 1
    row = shown(look, GUARD, "report")
    assert (row["subjects"], row["reasons"]) == ({"drifted": 17}, {"deletes": 17})


def test_what_is_remembered_comes_back(memory: Kept) -> None:
    look, _ = payloads([Reading("één", State.DRIFTED, "x", [1, "é"])], None, "2026-11-30T09:00:00Z")
    memory.remember("guards", pack({"g": look}))
    assert recall(memory) == {"g": look}


def test_modes_come_from_the_policy(around: Make) -> None:
    named = policy('[guards]\ndefault = "off"\ntest-guard = "enforce"\nodd = "report"\n')
    assert mode_of(named, GUARD) == "enforce"
    assert mode_of(policy(), GUARD) == "report"
    assert mode_of(policy('[guards]\ndefault = "enforce"\n'), GUARD) == "enforce"
    assert unsupported(named, ["test-guard"]) == ["odd"]

    class Content(FileGuard):
        declaration = replace(FileGuard.declaration, default="off", enforces=False)

    assert mode_of(policy(), Content()) == "off"
    assert mode_of(policy('[guards]\ndefault = "report"\n'), Content()) == "off"
    assert mode_of(policy('[guards]\ntest-guard = "enforce"\n'), Content()) == "report"


COMPETITOR = """
import pathlib, sys, time
place, wanted = pathlib.Path(sys.argv[1]), b"keep = 30\\n"
print("begun", flush=True)
while True:
    if place.read_bytes() != wanted:
        other = place.with_name("other")
        other.write_bytes(wanted)
        other.replace(place)  # at once, so that nobody meets a half of it
        print("taken back", flush=True)
    time.sleep(0.001)
"""


def test_a_process_that_takes_everything_back_ends_in_one_finding_and_no_loop(
    around: Make, memory: Kept
) -> None:
    place = around().home / "settings"
    place.write_bytes(b"keep = 30\n")
    with subprocess.Popen(
        [sys.executable, "-c", COMPETITOR, str(place)], stdout=subprocess.PIPE
    ) as competitor:
        try:
            assert competitor.stdout is not None
            competitor.stdout.readline()
            before: Looked | None = None
            heard: list[dict[str, Any]] = []
            for minute in range(20):
                found = checked(around(), memory)
                if minute == 0:
                    competitor.stdout.readline()  # it has taken back what was set right
                before, said = compare(found, before, f"2026-11-30T09:{minute:02}:00Z")
                heard += [json.loads(one) for one in said]
        finally:
            competitor.kill()
        more = competitor.stdout.read()
    assert more == b"", more or "the agent wrote again, and it was taken back again"
    assert [(one["state"], one["reason"]) for one in heard][-1] == ("drifted", "contested")
    assert len(heard) <= 2
    assert heard[-1]["at_risk"]["until"] is None
