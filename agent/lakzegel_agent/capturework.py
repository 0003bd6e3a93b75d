# SPDX-License-Identifier: EUPL-1.2
"""What is ready to be sealed, and how it is gathered into batches.

A file up to 4 MiB is one unit: read, cut, sealed and captured in one batch. A bigger one is cut by
a request of its own; its ranges are sealed over as many batches as it takes, its capture in a
later one.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Final

from lakzegel_agent.capturetalks import Talk
from lakzegel_agent.capturetarget import Target
from lakzegel_agent.ledgerqueue import Queued
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.sealing.bases import built_on
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    Cut,
    CutResult,
    FileUnit,
    GrownUnit,
    ObservationUnit,
    RangeUnit,
    Unit,
)
from lakzegel_agent.sealing.room import ITEM, cost
from lakzegel_agent.sealing.surveys import ConversationUnit
from lakzegel_core.limits import MAX_ITEMS

WHOLE: Final = 4 * 2**20  # bytes up to which a file is read in one piece
_MOST_RANGES: Final = MAX_ITEMS // 4  # segments a unit


@dataclass(slots=True)
class BigFile:
    """A file on its way through several batches."""

    target: Target
    before: FileState
    known: bytes
    cut: CutResult | None = None
    rows: list[bytes] = field(default_factory=list)  # packed, one a segment; b"" until sealed
    places: dict[int, int] = field(default_factory=dict)  # start of a segment: its number
    lenient: bool = False
    open: int = 0  # ranges that are not sealed yet
    missed: str | None = None
    grew: bool = False

    @property
    def same(self) -> bool:
        """Whether everything of it is as it was captured last."""
        assert self.cut is not None  # noqa: S101  # asked after the cut
        told, before = self.cut.stat, self.before
        return (
            not self.target.again
            and before.version >= 0
            and (before.path, before.mode, before.mtime, before.size)
            == (self.target.path, told.mode, told.mtime, told.size)
            and before.segments == b"".join(self.rows)
        )

    def fill(self, ranges: Sequence[tuple[int, int]], packed: bytes) -> None:
        """Note where these segments were sealed."""
        for number, (start, _) in enumerate(ranges):
            row = packed[number * SEGMENT.size : (number + 1) * SEGMENT.size]
            self.rows[self.places[start]] = row

    def capture(self) -> CaptureUnit:
        """Return the unit that captures it, now that every segment lies in a closed batch."""
        assert self.cut is not None  # noqa: S101
        target, rows = self.target, b"".join(self.rows)
        return CaptureUnit(
            target.source,
            target.path,
            target.name,
            self.cut.stat,
            self.before.version + 1,
            self.grew,
            rows,
            built_on(self.before, rows),
        )


class Backlog:
    """Units in the order they will be sealed; the oldest observation goes first."""

    def __init__(self, batch_limit: int) -> None:
        self._limit = batch_limit
        self.whole = min(WHOLE, batch_limit)
        self._first: deque[Unit] = deque()
        self._units: deque[Unit] = deque()
        self._tickets = count()
        self.big: dict[bytes, BigFile] = {}
        self.cutting: dict[int, BigFile] = {}

    def __bool__(self) -> bool:
        return bool(self._first or self._units)

    def add_file(self, target: Target, *, patient: bool, lenient: bool) -> None:
        """Add a file that is sealed in one piece."""
        unit = FileUnit(
            target.source,
            target.path,
            target.name,
            target.stat,
            target.secret,
            target.again,
            patient,
            lenient,
        )
        self._units.append(unit)

    def add_grown(self, target: Target, size: int) -> None:
        """Add a large file of which only its last so many bytes are read, where it is like that."""
        assert target.secret is not None  # noqa: S101  # it was captured before
        self._units.append(
            GrownUnit(target.source, target.path, target.name, target.stat, target.secret, size)
        )

    def add_talk(self, target: Target, talk: Talk, *, whole: bool) -> None:
        """Add a conversation, planned as what is probably new of it, or as the ``whole``."""
        self._units.append(
            ConversationUnit(
                target.source,
                talk.store,
                talk.key,
                target.path,
                target.name,
                target.secret,
                target.again,
                target.stat.mtime,
                talk.size if whole else talk.planned,
                talk.segments if whole else talk.planned_segments,
            )
        )

    def start_cut(self, big: BigFile, *, patient: bool, lenient: bool) -> Cut:
        """Return the request for a big file's seams."""
        ticket = next(self._tickets)
        self.cutting[ticket] = big
        big.lenient = lenient
        target = big.target
        return Cut(ticket, target.source, target.path, target.stat, big.known, patient, lenient)

    def add_ranges(self, big: BigFile, answer: CutResult) -> None:
        """Add what is to be sealed of a file that was cut."""
        big.cut = answer
        if answer.is_known:
            big.rows = [big.known]
            self.big[big.target.name] = big
            return
        big.rows = list(answer.reused)
        big.places = {start: number for number, start in enumerate((0, *answer.ends[:-1]))}
        target = big.target
        self.big[target.name] = big
        spans = list(pairwise((0, *answer.ends)))
        fresh = [span for span, row in zip(spans, big.rows, strict=True) if not row]
        for ranges in self._split(fresh):
            big.open += 1
            self._units.append(
                RangeUnit(target.source, target.path, target.name, answer.stat, big.lenient, ranges)
            )

    def add_capture(self, big: BigFile) -> None:
        """Add the capture of a big file, before everything but observations."""
        self._first.append(big.capture())

    def put_back(self, units: Sequence[Unit]) -> None:
        """Put units before everything else."""
        self._first.extendleft(reversed(units))

    def observe(self, queued: Sequence[Queued]) -> None:
        """Add observations of the ledger's queue, before everything else."""
        units = [ObservationUnit(row.id, row.source, row.payload) for row in queued]
        self._first.extendleft(reversed(units))

    def take(self, spent: int, items: int) -> tuple[Unit, int, int] | None:
        """Return the next unit with what the batch then holds, or None where it does not fit.

        An empty batch takes any unit.
        """
        units = self._first or self._units
        if not units:
            return None
        size, number = cost(units[0])
        if items and (spent + size > self._limit or items + number > MAX_ITEMS):
            return None
        return units.popleft(), spent + size, items + number

    def _split(self, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], ...]]:
        some: list[tuple[int, int]] = []
        size = 0
        for start, end in spans:
            if some and (size + end - start + ITEM > self._limit or len(some) >= _MOST_RANGES):
                yield tuple(some)
                some, size = [], 0
            some.append((start, end))
            size += end - start + ITEM
        if some:
            yield tuple(some)
