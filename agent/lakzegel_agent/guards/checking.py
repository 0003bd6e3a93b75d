# SPDX-License-Identifier: EUPL-1.2
"""One look of every guard: what it found, what is new in it, and what is kept of it.

    read -> set right where the policy wants it -> compare with the last look -> state what is new

docs/spec/guards.md §2 to §4
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from lakzegel_agent.guards.base import (
    CONTESTED,
    FAULT,
    MDM_OWNED,
    TOO_MANY,
    WORST_FIRST,
    Guard,
    PlaceError,
    Reading,
    State,
    Surroundings,
    worst,
)
from lakzegel_agent.guards.enforcing import Enforcer
from lakzegel_agent.guards.remembered import Looked, Subject
from lakzegel_core.encoding import JsonValue, canonical_json, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.policy import Policy

MAX_SUBJECTS: Final = 5_000
MAX_STATED: Final = 200  # subjects of a guard that one look states one by one
MAX_VALUE: Final = 256 * 1024  # bytes of a value that is stated
OFF: Final = "off"
REPORT: Final = "report"
ENFORCE: Final = "enforce"
_RISKY: Final = (State.DRIFTED, State.UNKNOWN)
_GOOD: Final = (State.COMPLIANT, State.REPAIRED)


@dataclass(frozen=True, slots=True)
class Found:
    """What one guard's look came to."""

    guard: Guard
    mode: str
    readings: tuple[Reading, ...]
    more: int = 0  # subjects beyond the limit

    @property
    def state(self) -> State:
        """Return the worst of its subjects'."""
        if self.more:
            return worst([State.UNKNOWN, *(one.state for one in self.readings)])
        return worst(one.state for one in self.readings)


def mode_of(policy: Policy, guard: Guard) -> str:
    """Return the mode that a policy gives a guard."""
    declared = guard.declaration
    named = policy.guards.get(declared.id)
    mode = named or declared.default or policy.guards.get("default", REPORT)
    return REPORT if mode == ENFORCE and not declared.enforces else mode


def unsupported(policy: Policy, known: Iterable[str]) -> list[str]:
    """Return the names in a policy that no guard has."""
    return sorted(policy.guards.keys() - {*known, "default"})


def check(guard: Guard, surroundings: Surroundings, mode: str, enforcer: Enforcer | None) -> Found:
    """Return what a guard finds, once it set right what it may.

    Without an enforcer nothing is written: for who only wants to know.
    """
    why = enforcer.undo(guard, surroundings) if enforcer is not None and mode != ENFORCE else ""
    found = look(guard, surroundings, mode)
    if enforcer is None:
        return found
    if mode != ENFORCE:  # what was set right before is as it was again, and found so
        return found if not why else replace(found, readings=(*found.readings, _undone(why)))
    if surroundings.platform not in guard.declaration.platforms:
        return found
    enforced = enforcer.enforce(guard, surroundings, found.readings)
    if enforced.why:
        readings = tuple(_kept_from(one, enforced.why) for one in found.readings)
        return replace(found, readings=readings)
    if not enforced.wrote:
        return found
    after = look(guard, surroundings, mode)
    drifted = {one.subject for one in found.readings if one.state is State.DRIFTED}
    readings = tuple(
        replace(one, state=State.REPAIRED)
        if one.state is State.COMPLIANT and one.subject in drifted
        else one
        for one in after.readings
    )
    return replace(after, readings=readings)


def look(guard: Guard, surroundings: Surroundings, mode: str) -> Found:
    """Return what a guard reads now; a fault of its is a reading too."""
    if mode == OFF or surroundings.platform not in guard.declaration.platforms:
        return Found(guard, mode, ())
    readings: dict[str, Reading] = {}
    try:
        rows = iter(guard.look(surroundings))
        for reading in islice(rows, MAX_SUBJECTS):
            readings[reading.subject] = reading
        more = sum(1 for _ in rows)
    except PlaceError as error:
        why = error.reason
    except Exception:  # noqa: BLE001  # docs/spec/guards.md §2: no guard stops another's look
        why = FAULT
    else:
        return Found(guard, mode, tuple(readings.values()), more)
    failed = Reading("", State.UNKNOWN, why)
    return Found(guard, mode, (*readings.values(), failed))


def compare(found: Found, before: Looked | None, now: str) -> tuple[Looked, list[bytes]]:
    """Return what is remembered of a look, and what the office is to hear of it."""
    known = {} if before is None else before.subjects
    found = replace(found, readings=(*found.readings, *_hidden(found, known)))
    news: list[tuple[Reading, Subject | None, Subject]] = []
    subjects: dict[str, Subject] = {}
    stated = 0
    for reading in found.readings:
        old = known.get(reading.subject)
        new = _subject(reading, old, now)
        if old is None or _differs(old, new):
            stated += 1
            if stated > MAX_STATED:  # stated in a later look: until then the old one is known
                if old is not None:
                    subjects[reading.subject] = old
                continue
            news.append((reading, old, new))
        subjects[reading.subject] = new
    names = _names(found)
    gone = [] if found.more else [(name, old) for name, old in known.items() if name not in names]
    payloads = [_stated(found, r.subject, old, new, now) for r, old, new in news]
    payloads += [_gone(found, name, old, now) for name, old in gone[:MAX_STATED]]
    subjects.update(gone[MAX_STATED:])
    beyond = found.more and (before is None or before.more != found.more)
    if beyond or stated > MAX_STATED:
        payloads.append(_more(found))
    return Looked(now, found.mode, subjects, found.more), payloads


def shown(found: Looked | None, guard: Guard, mode: str) -> dict[str, Any]:
    """Return what IT sees of a guard: no subject, no value."""
    subjects = [] if found is None else list(found.subjects.values())
    states, reasons = Counter[str](), Counter[str]()
    for one in subjects:
        states[one.state] += one.count
        if one.reason:
            reasons[one.reason] += one.count
    state = worst(State(one.state) for one in subjects)
    if found is not None and found.more:
        state = worst([state, State.UNKNOWN])
        reasons[TOO_MANY] += found.more
    since = min((one.since for one in subjects if one.state == state), default=None)
    return {
        "id": guard.declaration.id,
        "rows": list(guard.declaration.rows),
        "mode": mode,
        "state": None if found is None or mode == OFF else str(state),
        "since": since,
        "looked": None if found is None else found.at,
        "subjects": {str(one): states[one] for one in WORST_FIRST if states[one]},
        "reasons": dict(sorted(reasons.items())),
    }


def _undone(why: str) -> Reading:
    return Reading("", State.UNKNOWN, why)


def _kept_from(reading: Reading, why: str) -> Reading:
    """Return a reading that could not be set right, with the reason why."""
    if reading.reason == MDM_OWNED or reading.state is State.UNKNOWN:
        return reading
    if reading.state is State.DRIFTED or (why == CONTESTED and reading.locked is False):
        return replace(reading, state=State.DRIFTED, reason=why)
    return reading


def _subject(reading: Reading, old: Subject | None, now: str) -> Subject:
    """Return what is remembered of a reading."""
    same = old is not None and (old.state, old.reason) == (reading.state, reading.reason)
    good = old.good if old is not None else None
    risk: str | None = None
    if reading.state in _RISKY:
        if old is not None and old.risk is not None:
            risk = old.risk
        elif reading.since is not None:
            risk = format_time(reading.since)
        else:
            risk = good or ""
    else:
        good = now
    return Subject(
        state=str(reading.state),
        reason=reading.reason,
        value=_bounded(reading.value),
        since=old.since if same and old is not None else now,
        good=good,
        risk=risk,
        locked=reading.locked,
        count=reading.count,
    )


def _differs(old: Subject, new: Subject) -> bool:
    return (old.state, old.reason, old.value) != (new.state, new.reason, new.value)


def _hidden(found: Found, known: Mapping[str, Subject]) -> Iterator[Reading]:
    """Yield that subjects are unknown which a look did not come to: what holds them is unknown.

    Otherwise what deletes would be gone from the office's view, as if it had been set right.
    """
    names = _names(found)
    holders = {one.subject: one.reason for one in found.readings if one.state is State.UNKNOWN}
    missing = islice((name for name in known if name not in names), MAX_SUBJECTS - len(names))
    for name in missing if holders else ():
        parts = name.split("/")
        above = ("", *("/".join(parts[:end]) for end in range(1, len(parts))))
        why = next((holders[one] for one in above if one in holders), None)
        if why is not None:
            yield Reading(name, State.UNKNOWN, why, count=known[name].count)


def _names(found: Found) -> set[str]:
    return {one.subject for one in found.readings}


def _stated(found: Found, name: str, old: Subject | None, new: Subject, now: str) -> bytes:
    return canonical_json(
        {
            **_head(found, new.state),
            "subject": name,
            "reason": new.reason,
            "before": None if old is None else old.value,
            "after": new.value,
            "at_risk": _window(old, new, now),
        }
    )


def _gone(found: Found, name: str, old: Subject, now: str) -> bytes:
    """What is said of a subject that is there no more."""
    return canonical_json(
        {
            **_head(found, State.NOT_APPLICABLE),
            "subject": name,
            "reason": "",
            "before": old.value,
            "after": None,
            "at_risk": None if old.risk is None else _span(old.risk, now),
        }
    )


def _more(found: Found) -> bytes:
    states = Counter(str(one.state) for one in found.readings)
    more: dict[str, JsonValue] = dict(sorted(states.items()))
    return canonical_json(
        {**_head(found, found.state), "subject": None, "more": {**more, TOO_MANY: found.more}}
    )


def _head(found: Found, state: str) -> dict[str, JsonValue]:
    declared = found.guard.declaration
    return {
        "type": "guard",
        "guard": declared.id,
        "mode": found.mode,
        "rows": list(declared.rows),
        "state": str(state),
    }


def _window(old: Subject | None, new: Subject, now: str) -> JsonValue:
    """Return the time in which something was at risk, open while it lasts."""
    if new.risk is not None:
        return _span(new.risk, None)
    if old is not None and old.risk is not None:
        return _span(old.risk, now)
    if new.state == State.REPAIRED:  # it was drifted within this very look
        return _span("" if old is None else old.good or "", now)
    return None


def _span(begin: str, end: str | None) -> JsonValue:
    return {"from": begin or None, "until": end}


def _bounded(value: JsonValue) -> JsonValue:
    """Return a value that is not too large to be stated."""
    try:
        size = len(canonical_json({"value": value}))
    except LakzegelError:
        return {"unstatable": True}
    return value if size <= MAX_VALUE else {"bytes": size}


Looks = Mapping[str, Looked]
Checks = Callable[[], Iterator[Found]]
