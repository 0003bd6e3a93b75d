# SPDX-License-Identifier: EUPL-1.2
"""Counts of mail, each folder's once a day and not too much in one look, and what they mean.

    nothing lacks                    compliant
    something, not kept offline      drifted, not-offline
    something, for the first time    as before; unknown, settling, where there is no before
    something, a day later too       drifted, incomplete

docs/spec/settings-guarded.md, mail-complete
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from lakzegel_agent.guards.base import PlaceError, Reading, State, Surroundings
from lakzegel_core.encoding import JsonValue, format_time, parse_time
from lakzegel_core.errors import FormatError

INCOMPLETE: Final = "incomplete"
NOT_OFFLINE: Final = "not-offline"
SETTLING: Final = "settling"
NOT_COUNTED: Final = "not-counted"
REASONS: Final = frozenset({INCOMPLETE, NOT_OFFLINE, SETTLING, NOT_COUNTED})
DAY: Final = timedelta(hours=20)  # between two counts of one folder
BUDGET: Final = 256 * 2**20  # bytes of mboxes after which a look begins no other


@dataclass(frozen=True, slots=True)
class Count:
    """How one folder was counted; ``short``: it lacked something then.

    ``mark``: size and mtime of the file that was counted; one that has it still is not read again.
    """

    at: str
    server: int
    local: int
    state: str
    reason: str
    short: bool
    mark: str = ""


Counting = Callable[[int | None], tuple[int, int]]
"""What the server holds, and what of it lies here, which the argument says where it is known."""


class Counter:
    """Counts each folder at most once a day, and not too many in one look."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.named: set[str] = set()
        self._notes = surroundings.notes
        self._now = surroundings.now
        self._read = 0

    def reading(
        self,
        subject: str,
        counting: Counting,
        *,
        size: int = 0,
        mark: str = "",
        offline: bool = True,
    ) -> Reading:
        """Return how a folder fares, counted now or as it was counted last."""
        self.named.add(subject)
        before = _recalled(self._notes.get(subject))
        if before is not None and not _is_due(before, self._now):
            return _told(subject, before, offline=offline)
        is_known = before is not None and mark != "" and before.mark == mark
        if self._read >= BUDGET and not is_known:
            if before is not None:
                return _told(subject, before, offline=offline)
            return Reading(subject, State.UNKNOWN, NOT_COUNTED)
        self._read += 0 if is_known else size
        try:
            server, local = counting(before.local if before is not None and is_known else None)
        except PlaceError as error:
            return Reading(subject, State.UNKNOWN, error.reason)
        short = local < server
        state, reason = _judged(short=short, offline=offline, before=before)
        count = Count(format_time(self._now), server, local, str(state), reason, short, mark)
        self._notes.put(subject, json.dumps(asdict(count)).encode())
        return _told(subject, count, offline=offline)


def _judged(*, short: bool, offline: bool, before: Count | None) -> tuple[State, str]:
    """Return the state of a count; a first difference leaves what was known before."""
    if not short:
        return State.COMPLIANT, ""
    if not offline:
        return State.DRIFTED, NOT_OFFLINE
    if before is not None and before.short:
        return State.DRIFTED, INCOMPLETE
    if before is not None:
        return State(before.state), before.reason
    return State.UNKNOWN, SETTLING


def _told(subject: str, count: Count, *, offline: bool) -> Reading:
    """Return a reading; numbers only where something is lacking, so that they are news."""
    value: JsonValue = None
    if count.state != State.COMPLIANT:
        value = {
            "server": count.server,
            "local": count.local,
            "missing": max(count.server - count.local, 0),
            "offline": offline,
        }
    return Reading(subject, State(count.state), count.reason, value)


def _is_due(before: Count, now: datetime) -> bool:
    """Whether a folder is to be counted again; a clock that was set back counts it at once."""
    return not timedelta(0) <= now - parse_time(before.at, what="guards") < DAY


def _recalled(data: bytes | None) -> Count | None:
    try:
        rows: Any = json.loads(data or b"null")
        found = Count(**rows)
        State(found.state)
        parse_time(found.at, what="guards")
    except (ValueError, TypeError, AttributeError, FormatError):
        return None
    return found
