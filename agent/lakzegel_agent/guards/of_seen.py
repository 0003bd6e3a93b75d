# SPDX-License-Identifier: EUPL-1.2
"""What was seen in a store: by subject, bounded, and as a guard's notes keep it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.guards.base import State
from lakzegel_core.encoding import JsonValue, format_time, parse_time

MAX_SEEN: Final = 100_000  # of one store, docs/spec/conversations.md §3
MAX_ROWS: Final = 6_000  # kept of one store: more than a guard has subjects


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found of one subject in a store; ``what`` is "" for the store itself."""

    what: str
    state: State
    reason: str = ""
    value: JsonValue = None
    since: datetime | None = None


@dataclass(slots=True)
class Kept:
    """What the notes have of a store."""

    mark: str
    why: str
    seen: list[Seen]
    more: JsonValue = None  # what the reading itself keeps, to go on from


def plain(text: str, most: int = 400) -> str:
    """Return text that can be stated whatever bytes it came from, with a digest where it is cut."""
    told = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(told) <= most:
        return told
    return f"{told[:most]} {hashlib.sha256(told.encode()).hexdigest()[:16]}"


def taken(seen: Iterable[Seen]) -> list[Seen]:
    """Return all that is seen of one store.

    Raises:
        StoreError: ``too-large``: it has more conversations than capture would take.
    """
    found = list(islice(seen, MAX_SEEN + 1))
    if len(found) > MAX_SEEN:
        raise StoreError("too-large")
    return found


def worst_first(seen: Iterable[Seen]) -> list[Seen]:
    """Return one a subject, the worst, and no more than are remembered, the worst of all."""
    order = list(State)
    found: dict[str, Seen] = {}
    for one in sorted(seen, key=lambda one: order.index(one.state)):
        found.setdefault(one.what, one)
    return list(found.values())[:MAX_ROWS]


def packed(kept: Kept) -> bytes:
    """Return what the notes are to have of a store."""
    rows = [
        [
            one.what,
            str(one.state),
            one.reason,
            one.value,
            None if one.since is None else format_time(one.since),
        ]
        for one in kept.seen
    ]
    told = {"mark": kept.mark, "why": kept.why, "seen": rows, "more": kept.more}
    return json.dumps(told).encode()


def unpacked(data: bytes | None) -> Kept | None:
    """Return what was kept; None where it is of another version."""
    try:
        told = json.loads(data or b"null")
        return Kept(told["mark"], told["why"], [_row(row) for row in told["seen"]], told["more"])
    except (ValueError, TypeError, KeyError):
        return None


def _row(row: Sequence[Any]) -> Seen:
    what, state, reason, value, since = row
    moment = None if since is None else parse_time(since, what="guards")
    return Seen(what, State(state), reason, value, moment)
