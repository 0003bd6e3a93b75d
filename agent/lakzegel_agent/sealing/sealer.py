# SPDX-License-Identifier: EUPL-1.2
"""Reading and sealing the units of one job (docs/spec/item.md §4).

A file is read whole, and found unchanged, before the first of its bytes is sealed. Of a big file
that holds for each segment.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import zstandard

from lakzegel_agent.blockfile import block
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.readers import Reader, reader_of
from lakzegel_agent.readers.base import MAX_SEGMENT_CUT
from lakzegel_agent.sealing.bases import built_on
from lakzegel_agent.sealing.body import Body
from lakzegel_agent.sealing.conversations import Conversations
from lakzegel_agent.sealing.fileitems import Writer
from lakzegel_agent.sealing.grown import end_of
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    Cut,
    CutFailed,
    CutResult,
    Done,
    FileUnit,
    GrownUnit,
    Job,
    JobFailed,
    JobResult,
    Missed,
    ObservationUnit,
    RangeUnit,
    Said,
    Same,
    Sealed,
    Setup,
    Stat,
    UnitResult,
)
from lakzegel_agent.sealing.known import Known
from lakzegel_agent.sealing.reading import (
    CHANGED,
    CROWDED,
    INCOMPLETE,
    UNLIKE,
    MissedError,
    OpenFile,
    opened,
    read_file,
    require_unchanged,
)
from lakzegel_agent.sealing.room import Room
from lakzegel_agent.sealing.seams import ends_of
from lakzegel_agent.sealing.surveys import ConversationUnit, Survey, SurveyFailed, SurveyResult
from lakzegel_agent.view import View
from lakzegel_core.encoding import JsonValue, canonical_json

# Of zstd's fastest strategy, for segments of some 20 KB: a table that fits the processor's first
# cache, and no match below six bytes. As small as level 1 on mail, in two thirds of its time.
ZSTD: Final = zstandard.ZstdCompressionParameters(
    strategy=zstandard.STRATEGY_FAST,
    window_log=20,
    hash_log=13,
    chain_log=12,
    search_log=1,
    min_match=6,
    target_length=0,
    write_content_size=1,
)
_AT_ONCE: Final = 2**18  # bytes of small segments that are read and found unchanged in one go
_NEVER: Final = FileState(b"")  # no version of the file was captured
DEVICE: Final = "device"  # the source that what the device says of itself comes from


class Sealer:
    """Does the jobs of one pass; one in each process."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._cipher = Cipher(setup.ledger_key)
        self._compress: Callable[[bytes], bytes] = zstandard.ZstdCompressor(
            compression_params=ZSTD
        ).compress
        self._readers = [reader_of(source.reader) for source in setup.sources]
        self._nothing = Known(self._cipher, b"")
        self._conversations = Conversations(setup, self._cipher)
        self._block = block()
        self._writer = Writer if not setup.labels else _labelling(setup.labels)
        self._read = 0

    def survey(self, survey: Survey) -> SurveyResult | SurveyFailed:
        """Return every conversation of a chat store, or why it cannot be read."""
        return self._conversations.survey(survey)

    def seal(self, job: Job) -> JobResult | JobFailed:
        """Return what became of each unit, with body and keyring on the disk; or nothing of it.

        Raises:
            AgentError: the spool cannot be written.
        """
        self._read = 0
        try:
            body = Body(self._setup, job, self._compress, self._block)
        except UnwritableError as error:
            return JobFailed(job.batch, job.token, error.code, str(error))
        try:
            return self._seal(job, body)
        except UnwritableError as error:
            body.abandon()
            return JobFailed(job.batch, job.token, error.code, str(error))
        except BaseException:
            body.abandon()
            raise

    def cut(self, cut: Cut) -> CutResult | CutFailed:
        """Return a file's seams, and which of its segments are sealed already."""
        reader = self._readers[cut.source]
        try:
            with opened(self._path(cut), cut.stat, lenient=cut.lenient) as file:
                view = View(file.descriptor, file.stat.size)
                if cut.patient:
                    _require_complete(reader, cut.path, view)
                ends = ends_of(reader, cut.path, view)
                reused = self._reused(view, ends, cut.known)
                require_unchanged(file, lenient=cut.lenient)
                if reused and all(reused) and b"".join(reused) == cut.known:
                    return CutResult(cut.ticket, file.stat, (), (), is_known=True)
                return CutResult(cut.ticket, file.stat, ends, reused)
        except MissedError as missed:
            return CutFailed(cut.ticket, missed.why)

    def _seal(self, job: Job, body: Body) -> JobResult:
        writer = self._writer(body, self._setup, job, self._cipher)
        room = Room(job)
        done = {
            place: self._unit(unit, writer, job, room)
            for place, unit in enumerate(job.units)
            if not isinstance(unit, ConversationUnit)
        }
        if len(done) < len(job.units):
            done |= self._conversations.seal(job, writer)
            self._read += self._conversations.taken()
        results = tuple(done[place] for place in range(len(job.units)))
        if not body.items:
            body.add("observation", DEVICE, _nothing(results), {"seen": job.seen})
        manifest = body.manifest
        contents, keyring = body.close()
        return JobResult(
            job.batch,
            job.token,
            results,
            body.items,
            contents,
            manifest,
            keyring,
            body.size,
            self._read,
            tuple(writer.labelled),
        )

    def _unit(
        self,
        unit: FileUnit | GrownUnit | RangeUnit | CaptureUnit | ObservationUnit,
        writer: Writer,
        job: Job,
        room: Room,
    ) -> UnitResult:
        if isinstance(unit, FileUnit | GrownUnit):
            try:
                if isinstance(unit, FileUnit):
                    return self._file(unit, writer, room)
                return self._grown(unit, writer, room)
            except MissedError as missed:
                return Missed(missed.why)
        if isinstance(unit, RangeUnit):
            return self._ranges(unit, writer)
        if isinstance(unit, CaptureUnit):
            return self._capture(unit, writer)
        writer.body.add("observation", unit.label, unit.payload, {"seen": job.seen})
        return Said()

    def _file(self, unit: FileUnit, writer: Writer, room: Room) -> UnitResult:
        source, path, name, found, _, again, patient, lenient = unit
        # not one that is much larger than when it was decided to read it in one piece
        most = found.size + MAX_SEGMENT_CUT
        told, data, grew = read_file(self._path(unit), found, lenient=lenient, most=most)
        self._read += len(data)
        reader, view = self._readers[source], View.of_bytes(data)
        if patient:
            _require_complete(reader, path, view)
        before = self._before(unit)
        ends = ends_of(reader, path, view)
        if not room.spend(len(ends)):
            raise MissedError(CROWDED)
        pieces = (data,) if len(ends) == 1 else _pieces(data, ends)
        known = Known(self._cipher, before.segments) if before.segments else self._nothing
        rows = b"".join(writer.segments(unit, told, pieces, known))
        base = built_on(before, rows)
        whole = CaptureUnit(source, path, name, told, before.version + 1, grew, rows, base)
        if not again and _is_same(before, whole):
            return Same(self._mark(told), len(data))
        return self._capture(whole, writer)

    def _grown(self, unit: GrownUnit, writer: Writer, room: Room) -> UnitResult:
        before = FileState.unpack(self._cipher.open(unit.secret, unit.name))
        with opened(self._path(unit), unit.stat, lenient=False) as file:
            view = View(file.descriptor, file.stat.size)
            end = end_of(self._readers[unit.source], unit.path, view, before, self._cipher)
            require_unchanged(file, lenient=False)
        told = file.stat
        self._read += len(end.data)
        if not room.spend(len(end.ends)):
            raise MissedError(UNLIKE)
        kept, last = before.segments[: -SEGMENT.size], before.segments[-SEGMENT.size :]
        pieces = _pieces(end.data, end.ends)
        rows = kept + b"".join(writer.segments(unit, told, pieces, Known(self._cipher, last)))
        whole = CaptureUnit(
            unit.source,
            unit.path,
            unit.name,
            told,
            before.version + 1,
            False,  # it did not grow while it was read
            rows,
            built_on(before, rows),
            end.start,
        )
        return self._capture(whole, writer)

    def _ranges(self, unit: RangeUnit, writer: Writer) -> UnitResult:
        rows: list[bytes] = []
        try:
            with opened(self._path(unit), unit.stat, lenient=unit.lenient) as file:
                _require_cut(file.stat, unit.stat)
                pieces = self._range_pieces(unit, file)
                rows.extend(writer.segments(unit, unit.stat, pieces, self._nothing))
                grew = require_unchanged(file, lenient=unit.lenient)
        except MissedError as missed:
            return Missed(missed.why, b"".join(rows))
        return Sealed(b"".join(rows), grew or file.stat.size > unit.stat.size)

    def _range_pieces(self, unit: RangeUnit, file: OpenFile) -> Iterator[bytes]:
        view = View(file.descriptor, unit.stat.size)
        for stretch in _stretches(unit.ranges):
            first = stretch[0][0]
            data = view.read(first, stretch[-1][1])
            require_unchanged(file, lenient=unit.lenient)
            self._read += len(data)
            for start, end in stretch:
                yield data[start - first : end - first]

    def _capture(self, unit: CaptureUnit, writer: Writer) -> Done:
        secret = writer.capture(unit)
        mark = unit.stat.mark(self._setup.ledger_key, whole=not unit.unread)
        return Done(mark, secret, unit.stat.size, unit.grew)

    def _before(self, unit: FileUnit) -> FileState:
        if unit.secret is None:
            return _NEVER
        return FileState.unpack(self._cipher.open(unit.secret, unit.name))

    def _reused(self, view: View, ends: Sequence[int], known: bytes) -> tuple[bytes, ...]:
        found = Known(self._cipher, known)
        if not found:
            return (b"",) * len(ends)
        starts = (0, *ends)
        return tuple(
            found.row(view.read(start, end)) or b""
            for start, end in zip(starts, ends, strict=False)
        )

    def _path(self, unit: FileUnit | GrownUnit | RangeUnit | Cut) -> bytes:
        return self._setup.sources[unit.source].root + b"/" + unit.path

    def _mark(self, told: Stat) -> bytes:
        return told.mark(self._setup.ledger_key)


def _labelling(labels: Sequence[str]) -> Callable[[Body, Setup, Job, Cipher], Writer]:
    """Return what makes writers that look through what they seal."""
    from lakzegel_agent.sealing.labelling import LabellingWriter  # noqa: PLC0415 - only if asked

    return LabellingWriter.asked(labels)


def _pieces(data: bytes, ends: Sequence[int]) -> Iterator[bytes]:
    start = 0
    for end in ends:
        yield data[start:end]
        start = end


def _stretches(ranges: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield ranges that follow each other, as many as are read at once."""
    stretch: list[tuple[int, int]] = []
    for start, end in ranges:
        if stretch and (start != stretch[-1][1] or end - stretch[0][0] > _AT_ONCE):
            yield stretch
            stretch = []
        stretch.append((start, end))
    if stretch:
        yield stretch


def _is_same(before: FileState, now: CaptureUnit) -> bool:
    """Whether a version says nothing that the one before it did not say."""
    told = now.stat
    return (
        before.version >= 0
        and (before.path, before.mode, before.mtime) == (now.path, told.mode, told.mtime)
        and before.size == told.size
        and before.segments == now.rows
    )


def _require_cut(now: Stat, cut: Stat) -> None:
    """Refuse another file than the one that was cut; it may have grown where that is accepted."""
    if now.inode != cut.inode or now.size < cut.size:
        raise MissedError(CHANGED)


def _require_complete(reader: Reader, path: bytes, view: View) -> None:
    if reader.incomplete(path, view):
        raise MissedError(INCOMPLETE)


def _nothing(results: Sequence[UnitResult]) -> bytes:
    """What a batch says whose units left nothing to seal: what became of them, in numbers."""
    missed = Counter(result.why for result in results if isinstance(result, Missed))
    unchanged = sum(isinstance(result, Same) for result in results)
    value: dict[str, JsonValue] = {
        "missed": dict(missed),
        "type": "nothing-new",
        "unchanged": unchanged,
    }
    return canonical_json(value)
