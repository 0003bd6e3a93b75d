# SPDX-License-Identifier: EUPL-1.2
"""What is remembered of guards between two looks, in the ledger (docs/spec/guards.md §6).

guards         by guard: when it looked, its mode, what it found of each subject
guards-places  by place: which guard changed it, what it held before, what it was left with
guards-notes-… what a guard need not find out again
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from lakzegel_agent.errors import LedgerDamagedError
from lakzegel_core.encoding import JsonValue, b64, unb64

NAME: Final = "guards"
PLACES: Final = "guards-places"
NOTES: Final = "guards-notes-"


class Memory(Protocol):
    """Where named values are kept: the ledger."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """Return the value that was kept."""
        ...


@dataclass(slots=True)
class Subject:
    """One subject as it was found last; moments are RFC 3339.

    ``good``: when its value was last found good. ``risk``: since when something is at risk, empty
    where that is not known, None where nothing is. ``count``: how many things it stands for.
    """

    state: str
    reason: str
    value: JsonValue
    since: str
    good: str | None = None
    risk: str | None = None
    locked: bool | None = None
    count: int = 1


@dataclass(slots=True)
class Looked:
    """One guard's last look."""

    at: str
    mode: str
    subjects: dict[str, Subject] = field(default_factory=dict)
    more: int = 0  # subjects beyond the limit, which are not remembered


@dataclass(slots=True)
class Kept:
    """A place that a guard changed: ``left`` is the SHA-256 of what it was left with.

    Not ``written``: a crash may have come between this line and the write.
    """

    guard: str
    store: str
    place: str
    before: bytes | None
    left: str
    at: str
    policy: str
    written: bool = False


def digest(value: bytes | None) -> str:
    """Return what stands for a place's value."""
    return "-" if value is None else hashlib.sha256(value).hexdigest()


def recall(memory: Memory) -> dict[str, Looked]:
    """Return the last look of each guard."""
    rows = _read(memory, NAME)
    try:
        return {
            id_: Looked(
                row["at"],
                row["mode"],
                {name: Subject(**one) for name, one in row["subjects"].items()},
                row["more"],
            )
            for id_, row in rows.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise LedgerDamagedError("ledger: what is remembered of guards is not readable") from None


def pack(looks: dict[str, Looked]) -> bytes:
    """Return what the ledger keeps of the looks."""
    return json.dumps({id_: asdict(look) for id_, look in looks.items()}).encode()


def recall_places(memory: Memory) -> list[Kept]:
    """Return every place that is changed now."""
    rows = _read(memory, PLACES).get("places", [])
    return [Kept(**{**row, "before": _bytes(row["before"])}) for row in rows]


def keep_places(memory: Memory, places: list[Kept]) -> None:
    """Remember them, durably."""
    rows = [
        {**asdict(kept), "before": None if kept.before is None else b64(kept.before)}
        for kept in places
    ]
    memory.remember(PLACES, json.dumps({"places": rows}).encode())


class GuardNotes:
    """One guard's notes; what changed is kept together with the look."""

    def __init__(self, memory: Memory, guard: str) -> None:
        self._name = NOTES + guard
        self._notes = {k: _bytes(v) or b"" for k, v in _read(memory, self._name).items()}
        self._changed = False

    def get(self, name: str) -> bytes | None:
        """Return what was kept under a name."""
        return self._notes.get(name)

    def put(self, name: str, value: bytes) -> None:
        """Keep it; it is durable with the look."""
        if self._notes.get(name) != value:
            self._notes[name] = value
            self._changed = True

    def only(self, names: set[str]) -> None:
        """Let go of every other note."""
        gone = self._notes.keys() - names
        for name in gone:
            del self._notes[name]
        self._changed |= bool(gone)

    def named(self) -> list[tuple[str, bytes]]:
        """Return what the ledger is to remember; nothing where nothing changed."""
        if not self._changed:
            return []
        rows = {name: b64(value) for name, value in self._notes.items()}
        return [(self._name, json.dumps(rows).encode())]


def _read(memory: Memory, name: str) -> dict[str, Any]:
    data = memory.recall(name)
    found = json.loads(data) if data else {}
    return found if isinstance(found, dict) else {}


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else unb64(text, what="guards")
