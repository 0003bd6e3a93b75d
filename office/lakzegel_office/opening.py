# SPDX-License-Identifier: EUPL-1.2
"""Opening every item of a batch once, in a process of its own.

A worker decrypts each item, lets core check it (place, digest, padding, canonical JSON, size,
commitment), checks that captures are made of what was sealed in the same batch, writes the
batch's index, and hands back what did not fit and what captures name of other batches.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64, parse_canonical_json
from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.item import Item
from lakzegel_office.batchfile import DestroyedError, OpenBatch, open_batch
from lakzegel_office.capture import BaseRef, Capture, SegmentRef, read_capture, read_path
from lakzegel_office.index import INLINE, Failure, IndexedItem, IndexStore
from lakzegel_office.keys.keychain import Keychain

CAPTURE_CODE: Final = "capture-mismatch"  # a capture that names what is not there as it says
KEPT_CODE: Final = "not-destroyed"  # a key that the log says is gone
_KEPT: Final = "the log says that its key was destroyed, yet the keyring has it"


@dataclass(frozen=True, slots=True)
class OpenTask:
    """One batch to open."""

    batch_id: str
    batch: Path
    keyring: Path
    destroyed: frozenset[int] = frozenset()  # of which the log says so
    extracts: tuple[tuple[int, Path], ...] = ()  # what is left of some of those


@dataclass(frozen=True, slots=True)
class Reference:
    """A segment of another batch that a capture of this one names."""

    item: int
    file: str
    segment: SegmentRef


@dataclass(frozen=True, slots=True)
class Built:
    """A capture of this batch that builds on one of another."""

    item: int
    capture: Capture
    base: BaseRef


@dataclass(frozen=True, slots=True)
class OpenResult:
    """What opening one batch found."""

    batch_id: str
    items: int  # that did open
    failures: tuple[Failure, ...]
    references: tuple[Reference, ...]
    built: tuple[Built, ...] = ()


@dataclass(slots=True)
class _Pass:
    """One batch on its way through."""

    destroyed: frozenset[int]
    lines: dict[int, IndexedItem] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    built: list[Built] = field(default_factory=list)


class Opener:
    """Opens batches with the office's identities."""

    def __init__(self, identities: Sequence[Identity], store: IndexStore) -> None:
        """Keep the keys and the place of the index."""
        self._keychain = Keychain(identities)
        self._store = store

    def open(self, task: OpenTask) -> OpenResult:
        """Open every item of a batch and write its index.

        What is wrong with the batch is returned, not raised.
        """
        try:
            with open_batch(task.batch, task.keyring, self._keychain) as batch:
                return self._open_items(task, batch)
        except LakzegelError as error:
            failure = Failure(None, error.code, str(error))
            self._store.write(task.batch_id, [])
            return OpenResult(task.batch_id, 0, (failure,), ())

    def _open_items(self, task: OpenTask, batch: OpenBatch) -> OpenResult:
        work = _Pass(task.destroyed)
        for index, item in batch.items(range(len(batch.entries))):
            gone = isinstance(item, DestroyedError)
            if index in task.destroyed:
                if not gone:
                    work.failures.append(Failure(index, KEPT_CODE, _KEPT))
                continue
            if isinstance(item, LakzegelError):
                work.failures.append(Failure(index, item.code, str(item)))
                continue
            try:
                work.lines[index] = indexed(index, item)
            except LakzegelError as error:
                work.failures.append(Failure(index, error.code, str(error)))
        for line in work.lines.values():
            if line.kind == "capture":
                _check_capture(line, batch, work)
        self._store.write(task.batch_id, work.lines.values())
        return OpenResult(
            task.batch_id,
            len(work.lines),
            tuple(work.failures),
            tuple(work.references),
            tuple(work.built),
        )


def indexed(index: int, item: Item) -> IndexedItem:
    """Return the line of the index for an opened item.

    Raises:
        FormatError: a capture or observation that is not canonical JSON, or no path.
    """
    kind = str(item.core["kind"])
    payload = None
    if kind in INLINE and len(item.payload) <= INLINE[kind]:
        value = parse_canonical_json(item.payload, what=kind, max_size=INLINE[kind])
        if not isinstance(value, dict):
            raise FormatError(kind, "not an object")
        payload = value
    if kind != "observation":
        read_path(item.context)
    return IndexedItem(index, b64(item.commitment), item.core, item.context, payload)


def mismatch(segment: SegmentRef, file: str, line: IndexedItem | None) -> str | None:
    """Return why a sealed item is not the segment that a capture names, or None."""
    if line is None:
        return "there is no such item"
    if line.kind != "segment":
        return f"that is a {line.kind}"
    if line.commitment != segment.commitment:
        return "that commits to something else"
    if line.size != segment.size:
        return f"that is {line.size} bytes long, not {segment.size}"
    if line.context.get("file") != file:
        return "that belongs to another file's history"
    return None


def base_mismatch(built: Built, line: IndexedItem | None) -> str | None:
    """Return why a sealed item is not what a capture says that it builds on, or None."""
    if line is None:
        return "there is no such item"
    if line.kind != "capture":
        return f"that is a {line.kind}"
    if line.commitment != built.base.commitment:
        return "that commits to something else"
    try:
        deque(built.capture.segments(capture_of(line)), maxlen=0)
    except LakzegelError as error:
        return str(error)
    return None


def place_of(segment: SegmentRef | BaseRef) -> str:
    """Return how a message names a place."""
    return f"{segment.epoch}/{segment.batch}/{segment.index}"


def capture_of(line: IndexedItem) -> Capture:
    """Return what an indexed capture states.

    Raises:
        FormatError: it is not a capture's payload, or longer than an index keeps.
    """
    if line.payload is None:
        raise FormatError(f"item {line.index}", "a capture with a payload beyond the limit")
    capture = read_capture(line.payload)
    if line.context.get("file") != capture.file:
        raise FormatError(f"item {line.index}", "payload and context name different files")
    return capture


def _check_capture(line: IndexedItem, batch: OpenBatch, work: _Pass) -> None:
    """Check a capture against this batch's items; note what lies in other batches."""
    try:
        capture = capture_of(line)
    except LakzegelError as error:
        work.failures.append(Failure(line.index, error.code, str(error)))
        return
    here = (batch.header.epoch, batch.header.batch)
    if capture.base is not None:
        _check_base(Built(line.index, capture, capture.base), here, work)
    for segment in capture.named():
        if (segment.epoch, segment.batch) > here:  # nobody could look it up yet: by rule it is none
            text = f"names item {place_of(segment)}, but that was not sealed before it"
            work.failures.append(Failure(line.index, CAPTURE_CODE, text))
            return
        if (segment.epoch, segment.batch) != here:
            work.references.append(Reference(line.index, capture.file, segment))
            continue
        if segment.index in work.destroyed:
            continue
        why = mismatch(segment, capture.file, work.lines.get(segment.index))
        if why is not None:
            text = f"names item {place_of(segment)}, but {why}"
            work.failures.append(Failure(line.index, CAPTURE_CODE, text))
            return


def _check_base(built: Built, here: tuple[int, int], work: _Pass) -> None:
    """Check what a capture builds on, or note that it lies in an earlier batch."""
    base = built.base
    if (base.epoch, base.batch) < here:
        work.built.append(built)
        return
    why: str | None = "that was not sealed before it"
    if (base.epoch, base.batch) == here and base.index in work.destroyed:
        return
    if (base.epoch, base.batch, base.index) < (*here, built.item):
        why = base_mismatch(built, work.lines.get(base.index))
    if why is not None:
        text = f"builds on item {place_of(base)}, but {why}"
        work.failures.append(Failure(built.item, CAPTURE_CODE, text))


_worker: list[Opener] = []  # the one opener of this process, set by `start_worker`


def start_worker(identities: Sequence[str], state: Path, index_key: bytes) -> None:
    """Give this process its keys."""
    store = IndexStore(state, index_key)
    _worker[:] = [Opener([Identity.from_text(text) for text in identities], store)]


def work(task: OpenTask) -> OpenResult:
    """Open one batch in a process that `start_worker` prepared."""
    return _worker[0].open(task)
