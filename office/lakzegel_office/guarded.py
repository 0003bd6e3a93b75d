# SPDX-License-Identifier: EUPL-1.2
"""What devices stated of their guards, in the order of the chain: states now, and times at risk.

A device is believed as far as its statements go and no further: what does not have the form of
docs/spec/guards.md §4 is counted, and taken for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import LakzegelError

BAD: Final = ("drifted", "unknown")
STATES: Final = (*BAD, "repaired", "compliant", "not-applicable")
MAX_ROWS: Final = 31  # of the guidance
MAX_TEXT: Final = 4_096  # characters of a subject or a reason
WHOLE: Final = "(the guard itself)"


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which something was at risk; ``None``: before the first look, or still open."""

    begin: str | None
    end: str | None
    reason: str
    value: Any

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {"from": self.begin, "until": self.end, "reason": self.reason, "value": self.value}


@dataclass(slots=True)
class Subject:
    """One subject: what was said of it last, and every time at risk."""

    state: str
    reason: str
    value: Any
    said: str  # when the batch was closed that says so
    windows: list[Window] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "state": self.state,
            "reason": self.reason,
            "value": self.value,
            "said": self.said,
            "at_risk": [window.to_json() for window in self.windows],
        }


@dataclass(slots=True)
class Guarded:
    """One guard of one device."""

    rows: tuple[int, ...] = ()
    mode: str = ""
    subjects: dict[str, Subject] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return the worst state of its subjects, as it is now."""
        found = {subject.state for subject in self.subjects.values()}
        return next((state for state in STATES if state in found), "not-applicable")

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "rows": list(self.rows),
            "mode": self.mode,
            "state": self.state,
            "subjects": {name: one.to_json() for name, one in sorted(self.subjects.items())},
        }


@dataclass(slots=True)
class Guards:
    """All guards of one device, and how many statements were not understood."""

    guards: dict[str, Guarded] = field(default_factory=dict)
    not_understood: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "guards": {name: one.to_json() for name, one in sorted(self.guards.items())},
            "not_understood": self.not_understood,
        }


def fold(stated: Iterable[tuple[str, Mapping[str, Any]]]) -> Guards:
    """Return what a device's guard observations come to: (when the batch was closed, payload)."""
    found = Guards()
    for said, payload in stated:
        if payload.get("type") != "guard":
            continue
        if _is_well_formed(payload):
            _take(found, said, payload)
        else:
            found.not_understood += 1
    return found


def _take(found: Guards, said: str, payload: Mapping[str, Any]) -> None:
    guard = found.guards.setdefault(payload["guard"], Guarded())
    guard.rows, guard.mode = tuple(payload["rows"]), payload["mode"]
    name = payload["subject"]
    if name is None:  # so many more, which later statements name one by one
        return
    old = guard.subjects.get(name or WHOLE)
    windows = [] if old is None else old.windows
    at_risk = payload["at_risk"]
    if at_risk is not None:
        _put(windows, at_risk, payload)
    guard.subjects[name or WHOLE] = Subject(
        payload["state"], payload["reason"], payload["after"], said, windows
    )


def _put(windows: list[Window], at_risk: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
    """Add a time at risk, or what is known now of the one that is still open."""
    is_open = bool(windows) and windows[-1].end is None
    ends = at_risk["until"] is not None
    if is_open:
        last = windows.pop()
        value, reason = (last.value, last.reason) if ends else (payload["after"], payload["reason"])
        windows.append(Window(last.begin, at_risk["until"], reason, value))
    else:
        value = payload["before"] if ends else payload["after"]
        windows.append(Window(at_risk["from"], at_risk["until"], payload["reason"], value))


def _is_well_formed(payload: Mapping[str, Any]) -> bool:
    """Whether a statement has the members of docs/spec/guards.md §4, each of its kind."""
    rows, subject = payload.get("rows"), payload.get("subject")
    return (
        all(_is_text(payload.get(name)) for name in ("guard", "mode"))
        and payload.get("state") in STATES
        and isinstance(rows, list)
        and len(rows) <= MAX_ROWS
        and all(isinstance(row, int) for row in rows)
        and (subject is None or (_is_text(subject) and _has_values(payload)))
    )


def _has_values(payload: Mapping[str, Any]) -> bool:
    return (
        _is_text(payload.get("reason"))
        and "before" in payload
        and "after" in payload
        and "at_risk" in payload
        and _is_span(payload["at_risk"])
    )


def _is_span(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, Mapping) or set(value) != {"from", "until"}:
        return False
    return all(moment is None or _is_moment(moment) for moment in value.values())


def _is_moment(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_time(value, what="guard")
    except LakzegelError:
        return False
    return True


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT
