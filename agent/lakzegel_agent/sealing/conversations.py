# SPDX-License-Identifier: EUPL-1.2
"""Surveying chat stores, and sealing conversations of them (docs/spec/conversations.md §3).

All conversations of one store that a job holds are read in one transaction; a capture is sealed
only once the store has been closed and was found sound to its end.
"""

import hashlib
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import StoreError
from lakzegel_agent.ledgercipher import Cipher, Keyed
from lakzegel_agent.ledgerrows import FileState
from lakzegel_agent.sealing.bases import built_on
from lakzegel_agent.sealing.fileitems import Writer
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    Done,
    Job,
    Missed,
    Same,
    Setup,
    Stat,
    UnitResult,
)
from lakzegel_agent.sealing.known import Known
from lakzegel_agent.sealing.reading import CHANGED, CROWDED, VANISHED, MissedError
from lakzegel_agent.sealing.room import cost
from lakzegel_agent.sealing.surveys import (
    ConversationUnit,
    Survey,
    Surveyed,
    SurveyFailed,
    SurveyResult,
)
from lakzegel_agent.stores.base import Conversation, OpenStore
from lakzegel_agent.stores.database import translated
from lakzegel_agent.stores.opening import Given, open_store
from lakzegel_agent.stores.rendering import Piece, derived, pieces
from lakzegel_core.limits import MAX_ITEMS

MODE: Final = 0o600  # of a conversation's file
_MARK: Final = 16
_MOST_CONVERSATIONS: Final = 100_000  # of one store
_MOST_MEDIA: Final = 1_000_000
_MESSAGE: Final = tuple(  # how a line ends that is a message, by the stores' tables
    f'"table":"{name}"}}\n'.encode() for name in ("message", "messages", "ZWAMESSAGE")
)
PATIENCE: Final = 3.0  # seconds that a store which is being written is tried again
PAUSE: Final = 0.1  # seconds between two tries
_PASSING: Final = ("locked", "no-store")  # may be over at the next try


class Meter:
    """Size, newest day and keyed digest of what passes."""

    def __init__(self, key: bytes) -> None:
        self.size = self.segments = 0
        self._key = key
        self.messages = 0
        self._day = self._first = ""
        self._hash = hashlib.sha256(b"conversation\0")

    def pass_on(self, found: Iterator[Piece]) -> Iterator[bytes]:
        """Yield the bytes of these segments."""
        for day, data in found:
            self._hash.update(data)
            self.size += len(data)
            self.segments += 1
            self.messages += sum(data.count(end) for end in _MESSAGE)
            self._day = max(self._day, day)
            if day:
                self._first = min(self._first or day, day)
            yield data

    @property
    def mark(self) -> bytes:
        """By what the ledger knows these bytes."""
        return Keyed(self._key).digest(self._hash.digest())[:_MARK]

    @property
    def mtime(self) -> int:
        """Midnight of the newest day in ns, 0 where there is none."""
        return _midnight(self._day)

    @property
    def oldest(self) -> int:
        """Midnight of the oldest day in ns, 0 where there is none."""
        return _midnight(self._first)


class Conversations:
    """The stores of a pass, in a sealing process."""

    def __init__(self, setup: Setup, cipher: Cipher) -> None:
        self._setup = setup
        self._cipher = cipher
        self._read = 0

    def taken(self) -> int:
        """Return the bytes that were rendered since the last call."""
        read, self._read = self._read, 0
        return read

    def survey(self, survey: Survey) -> SurveyResult | SurveyFailed:
        """Return every conversation of a store, or why it cannot be read.

        A program that writes throughout may begin its log anew while it is read: that is tried
        again for a few seconds, which a lock that was waited for has used up.
        """
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with translated(), self._open(survey.source, survey.path) as store:
                    found = tuple(self._surveyed(store, survey.path))
                break
            except StoreError as error:
                if error.reason != "locked" or time.monotonic() > until:
                    return SurveyFailed(survey.ticket, error.reason)
                time.sleep(PAUSE)
        if len({one.path for one in found}) < len(found):
            return SurveyFailed(survey.ticket, "damaged")
        return SurveyResult(survey.ticket, found)

    def seal(self, job: Job, writer: Writer) -> Mapping[int, UnitResult]:
        """Return what became of each conversation of a job, by its place in it."""
        stores = defaultdict[tuple[int, bytes], dict[str, int]](dict)
        for place, unit in enumerate(job.units):
            if isinstance(unit, ConversationUnit):
                stores[unit.source, unit.store][unit.key] = place
        results: dict[int, UnitResult] = {}
        for (source, path), wanted in stores.items():
            results |= self._of_store(source, path, wanted, job, writer)
        return results

    def _surveyed(self, store: OpenStore, path: bytes) -> Iterator[Surveyed]:
        media = 0
        for number, one in enumerate(store.conversations()):
            meter = Meter(self._setup.ledger_key)
            for _ in meter.pass_on(pieces(store, one)):
                pass
            shown = tuple(sorted(set(store.media(one.key))))
            media += len(shown)
            if number >= _MOST_CONVERSATIONS or media > _MOST_MEDIA:
                raise StoreError("too-large")
            yield Surveyed(
                one.path or derived(path, one.key),
                one.key,
                meter.size,
                meter.segments,
                meter.mtime,
                meter.mark,
                one.people,
                shown,
                meter.oldest,
                meter.messages,
            )

    def _of_store(
        self, source: int, path: bytes, wanted: Mapping[str, int], job: Job, writer: Writer
    ) -> dict[int, UnitResult]:
        most = job.limit + sum(cost(unit)[0] for unit in job.units)
        read: dict[int, tuple[Meter, bytes] | Missed] = {}
        try:
            with translated(), self._open(source, path) as store:
                for one in _only(store.conversations(), wanted):
                    place = wanted[one.key]
                    unit = job.units[place]
                    assert isinstance(unit, ConversationUnit)  # noqa: S101  # they were chosen
                    try:
                        read[place] = self._segments(unit, store, one, writer, most)
                    except MissedError as missed:
                        read[place] = Missed(missed.why)
        except StoreError as error:
            why = CHANGED if error.reason in _PASSING else error.reason
            return dict.fromkeys(wanted.values(), Missed(why))
        return {
            place: self._captured(job.units[place], read.get(place, Missed(VANISHED)), writer)
            for place in wanted.values()
        }

    def _segments(
        self, unit: ConversationUnit, store: OpenStore, one: Conversation, writer: Writer, most: int
    ) -> tuple[Meter, bytes]:
        """Seal what is new of a conversation; return the packed rows of all its segments."""
        before = self._before(unit)
        meter = Meter(self._setup.ledger_key)
        known = Known(self._cipher, before.segments)
        found = meter.pass_on(pieces(store, one))
        told = Stat(0, unit.mtime, 0, 0, MODE)
        rows = []
        for row in writer.segments(unit, told, found, known):
            rows.append(row)
            # what was planned may be far less than there is by now
            if writer.body.size > most or writer.body.items > MAX_ITEMS * 15 // 16:
                raise MissedError(CROWDED)
        self._read += meter.size
        return meter, b"".join(rows)

    def _captured(
        self, unit: object, read: tuple[Meter, bytes] | Missed, writer: Writer
    ) -> UnitResult:
        assert isinstance(unit, ConversationUnit)  # noqa: S101  # they were chosen
        if isinstance(read, Missed):
            return read
        meter, rows = read
        before = self._before(unit)
        told = Stat(meter.size, meter.mtime, 0, 0, MODE)
        if not unit.again and before.version >= 0 and before.segments == rows:
            return Same(meter.mark, meter.size)
        version, base = before.version + 1, built_on(before, rows)
        whole = CaptureUnit(unit.source, unit.path, unit.name, told, version, False, rows, base)
        return Done(meter.mark, writer.capture(whole), meter.size, grew=False)

    def _before(self, unit: ConversationUnit) -> FileState:
        if unit.secret is None:
            return FileState(unit.path)
        return FileState.unpack(self._cipher.open(unit.secret, unit.name))

    def _open(self, source: int, path: bytes) -> AbstractContextManager[OpenStore]:
        info = self._setup.sources[source]
        keys = Path(os.fsdecode(self._setup.spool)).parent / "keys"
        return open_store(info.reader, info.root, path, Given(keys, info.label))


def _midnight(day: str) -> int:
    if not day:
        return 0
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9


def _only(found: Iterator[Conversation], wanted: Mapping[str, int]) -> Iterator[Conversation]:
    """Yield the conversations that are wanted, and look no further than the last of them."""
    left = set(wanted)
    for one in found:
        if one.key in left:
            left.remove(one.key)
            yield one
        if not left:
            return
