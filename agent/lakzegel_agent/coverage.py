# SPDX-License-Identifier: EUPL-1.2
"""When the agent worked and when it did not, from one moment to the next (docs/spec/sources.md §7).

    a mark a minute:  at 10:00:00, boot 6f…, 5 000 s since then, 4 000 s of them awake
    the next one:     at 10:21:00, boot 6f…, 6 260 s since then, 4 060 s of them awake
    so:               asleep from 10:00:00 to 10:21:00, for 1 200 s

Pure: moments come as arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from lakzegel_core.encoding import JsonValue, format_time, parse_time
from lakzegel_core.errors import FormatError

BEAT: Final = 60.0  # seconds between two marks
LEAST: Final = 5.0  # seconds below which neither a gap nor a step of the clock is stated
STALLED: Final = 3 * BEAT  # seconds awake without a mark: the process was stopped or starved
MOST: Final = 500  # gaps and steps that are kept; more are counted


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by every clock there is; ``boot`` names a run of the system, "" where unknown."""

    at: datetime
    boot: str
    since_boot: float  # seconds, with those asleep
    awake: float  # seconds, without


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which nothing was looked at; ``seconds`` are measured, None where unknown."""

    start: datetime
    end: datetime
    why: str  # stopped, killed, off, asleep, stalled
    seconds: int | None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the row of an observation."""
        row: dict[str, JsonValue] = {
            "from": format_time(self.start),
            "to": format_time(self.end),
            "why": self.why,
        }
        return row if self.seconds is None else {**row, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Step:
    """The wall clock was set: by how many seconds, negative for back."""

    at: datetime
    seconds: int

    def to_json(self) -> dict[str, JsonValue]:
        """Return the row of an observation."""
        return {"at": format_time(self.at), "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be attested next, and the newest mark.

    ``looked`` has the passes over each source's label that came to their end, and the last one's
    time. ``more`` counts gaps and steps beyond ``MOST``.
    """

    since: datetime
    mark: Moment
    stopped: bool = False
    gaps: tuple[Gap, ...] = ()
    steps: tuple[Step, ...] = ()
    more: int = 0
    looked: dict[str, tuple[int, str]] = field(default_factory=dict)

    def marked(self, now: Moment, *, fresh: bool, stopped: bool = False) -> Record:
        """Return this with a newer mark, and what lay between; ``fresh``: of another process."""
        found = list(_fresh(self, now) if fresh else _running(self.mark, now))
        gaps = (*self.gaps, *(one for one in found if isinstance(one, Gap)))
        steps = (*self.steps, *(one for one in found if isinstance(one, Step)))
        kept = (gaps[:MOST], steps[:MOST])
        more = self.more + len(gaps) - len(kept[0]) + len(steps) - len(kept[1])
        return replace(self, mark=now, stopped=stopped, gaps=kept[0], steps=kept[1], more=more)

    def attested(self) -> Record:
        """Return what is kept once all this has been stated."""
        return Record(self.mark.at, self.mark, self.stopped)

    def pack(self) -> bytes:
        """Return the value that the ledger keeps."""
        mark = self.mark
        value = {
            "since": format_time(self.since),
            "mark": [format_time(mark.at), mark.boot, mark.since_boot, mark.awake],
            "stopped": self.stopped,
            "gaps": [gap.to_json() for gap in self.gaps],
            "steps": [step.to_json() for step in self.steps],
            "more": self.more,
            "looked": self.looked,
        }
        return json.dumps(value).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Record | None:
        """Return what the ledger kept; None for what nobody of this version wrote."""
        try:
            return _record(json.loads(data))
        except (ValueError, KeyError, TypeError, FormatError):
            return None


def _fresh(record: Record, now: Moment) -> Iterator[Gap | Step]:
    """Yield what lay between the last mark of one process and the first of another."""
    before = record.mark
    if before.boot != now.boot or now.since_boot < before.since_boot:
        measured, why = (now.at - before.at).total_seconds(), "off"
        seconds = None if measured < 0 else int(measured)
    else:
        measured, why = (
            now.since_boot - before.since_boot,
            "stopped" if record.stopped else "killed",
        )
        seconds = int(measured)
        yield from _step(before, now)
    if seconds is None or measured >= LEAST:
        yield Gap(before.at, now.at, why, seconds)


def _running(before: Moment, now: Moment) -> Iterator[Gap | Step]:
    """Yield what lay between two marks of one process."""
    awake = now.awake - before.awake
    asleep = now.since_boot - before.since_boot - awake
    if asleep >= LEAST:
        yield Gap(before.at, now.at, "asleep", int(asleep))
    if awake >= STALLED:
        yield Gap(before.at, now.at, "stalled", int(awake))
    yield from _step(before, now)


def _step(before: Moment, now: Moment) -> Iterator[Step]:
    """Yield by how much the wall clock was set, when it was."""
    by_wall = (now.at - before.at).total_seconds()
    seconds = by_wall - (now.since_boot - before.since_boot)
    if abs(seconds) >= LEAST:
        yield Step(now.at, round(seconds))


def _record(value: Any) -> Record:  # noqa: ANN401  # JSON of ours
    at, boot, since_boot, awake = value["mark"]
    return Record(
        _time(value["since"]),
        Moment(_time(at), boot, float(since_boot), float(awake)),
        bool(value["stopped"]),
        tuple(
            Gap(_time(gap["from"]), _time(gap["to"]), gap["why"], gap.get("seconds"))
            for gap in value["gaps"]
        ),
        tuple(Step(_time(step["at"]), step["seconds"]) for step in value["steps"]),
        value["more"],
        {label: (passes, last) for label, (passes, last) in value["looked"].items()},
    )


def _time(text: str) -> datetime:
    return parse_time(text, what="coverage")
