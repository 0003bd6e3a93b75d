# SPDX-License-Identifier: EUPL-1.2
"""What the guards of content share: what sealing found, from one look to the next (guards.md §8).

    a batch closes  ->  `noted`: counts and items, in that batch's transaction
    a look          ->  `readings`: how many since the guard is on, and the items that are new

Kept as notes of the guards, which are forgotten once a guard is off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import ClassVar, Final, Protocol

from lakzegel_agent.content import CITIZEN_NUMBER, CLASSIFIED, NOT_WHOLE, SCAN_FAILED
from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Notes,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)
from lakzegel_agent.guards.remembered import GuardNotes, Memory
from lakzegel_core.encoding import JsonValue, format_time
from lakzegel_core.policy import Policy

MARKINGS: Final = "classified-markings"
NUMBERS: Final = "citizen-numbers"
LABELS: Final[Mapping[str, str]] = {CLASSIFIED: MARKINGS, CITIZEN_NUMBER: NUMBERS}  # to guards
FOUND: Final = "found"
REASONS: Final = frozenset({FOUND, NOT_WHOLE, SCAN_FAILED})
MAX_NAMED: Final = 200  # items that one look names
MAX_KEPT: Final = 5_000  # items that wait to be named; of more, only the number is told
_OFF: Final = "off"
_DAY: Final = 10  # characters of a time that name its day


class Labelled(Protocol):
    """A segment in which something was found, as sealing tells it."""

    @property
    def source(self) -> int: ...  # noqa: D102  # its place among the pass's sources
    @property
    def item(self) -> int: ...  # noqa: D102
    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def bare(self) -> bool: ...  # noqa: D102


@dataclass(slots=True)
class Kept:
    """What is known of one kind of find: ``told`` is what a look said of it last."""

    count: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    items: list[list[int]] = field(default_factory=list)  # epoch, batch, index: not named yet
    more: int = 0  # that will never be named
    bare: int = 0  # segments with numbers that pass and that no word names
    told: dict[str, JsonValue] = field(default_factory=dict)
    day: str = ""

    @classmethod
    def of(cls, notes: Notes, reason: str) -> Kept:
        """Return what was kept; nothing where it is not readable."""
        try:
            return cls(**json.loads(notes.get(reason) or b"{}"))
        except (ValueError, TypeError):
            return cls()

    def keep(self, notes: Notes, reason: str) -> None:
        """Keep it as a note."""
        notes.put(reason, json.dumps(asdict(self)).encode())

    def add(self, source: str, item: list[int]) -> None:
        """Count one more segment."""
        self.count += 1
        self.sources[source] = self.sources.get(source, 0) + 1
        if len(self.items) < MAX_KEPT:
            self.items.append(item)
        else:
            self.more += 1


def asked(policy: Policy) -> tuple[str, ...]:
    """Return what segments are to be looked through for: nothing unless a policy names a guard."""
    return tuple(label for label, id_ in LABELS.items() if policy.guards.get(id_, _OFF) != _OFF)


def noted(  # what stays the same in a pass is bound before
    memory: Memory,
    asked_for: Sequence[str],
    epoch: int,
    sources: Sequence[str],
    batch: int,
    labelled: Sequence[Labelled],
) -> list[tuple[str, bytes]]:
    """Return what the ledger is to remember once this batch is closed."""
    named: list[tuple[str, bytes]] = []
    for label in asked_for:
        notes = GuardNotes(memory, LABELS[label])
        kept = {reason: Kept.of(notes, reason) for reason in sorted(REASONS)}
        for one in labelled:
            place = [epoch, batch, one.item]
            for reason in _reasons(one, label):
                kept[reason].add(sources[one.source], place)
            kept[FOUND].bare += one.bare and label == CITIZEN_NUMBER
        for reason, value in kept.items():
            if value != Kept():
                value.keep(notes, reason)
        named += notes.named()
    return named


def readings(surroundings: Surroundings, *, bare: bool) -> Iterator[Reading]:
    """Yield what was found since the guard is on, and what could not be looked through.

    ``bare``: the value tells of numbers without a word too.
    """
    now = format_time(surroundings.now)
    for reason in (FOUND, NOT_WHOLE, SCAN_FAILED):
        kept = Kept.of(surroundings.notes, reason)
        if not kept.count and reason != FOUND:
            continue
        value = _told(kept, now, bare=bare and reason == FOUND)
        kept.keep(surroundings.notes, reason)
        if not kept.count:
            yield Reading(reason, State.COMPLIANT, "", value)
        else:
            state = State.DRIFTED if reason == FOUND else State.UNKNOWN
            yield Reading(reason, state, reason, value, count=kept.count)


class ContentGuard(ReportingGuard):
    """Counts what was sealed with one label."""

    bare: ClassVar[bool]  # whether the value tells of numbers without a word too

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how many there were since it is on."""
        return readings(surroundings, bare=self.bare)


def declared(id_: str, row: int, cannot: str) -> Declaration:
    """Return the declaration of a guard of content: off unless the policy names it."""
    return Declaration(id_, (row,), EVERYWHERE, False, REASONS, cannot, "off")


def _reasons(one: Labelled, label: str) -> Iterable[str]:
    """Return under which reasons a segment counts for the guard of this label."""
    return [
        FOUND if found == label else found
        for found in one.labels
        if found == label or found not in LABELS
    ]


def _told(kept: Kept, now: str, *, bare: bool) -> dict[str, JsonValue]:
    """Return what is said now: the same as last unless there are items to be named, or days passed.

    Else every number in every mail would be an observation of its own.
    """
    if kept.told and not kept.items and kept.told["count"] == kept.count and kept.day == now[:_DAY]:
        return kept.told
    items, kept.items = kept.items[:MAX_NAMED], kept.items[MAX_NAMED:]
    value: dict[str, JsonValue] = {
        "count": kept.count,
        "items": items,
        "more": kept.more,
        "since": kept.told.get("since", now),
        "sources": [[source, count] for source, count in sorted(kept.sources.items())],
    }
    if bare:
        value["without_word"] = kept.bare
    if not items and kept.told.get("count") == kept.count:
        value["items"] = kept.told["items"]  # nothing is new but, perhaps, numbers without a word
    kept.told, kept.day = value, now[:_DAY]
    return value
