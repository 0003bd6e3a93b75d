# SPDX-License-Identifier: EUPL-1.2
"""What is asked of a sealing process, and what it answers.

One `Job` is one batch: its units are read and sealed in order. A `Cut` finds the seams of a file
that is too big for one job. Both sides are this program, so that they speak in pickles.
"""

import os
import stat
import struct
from functools import lru_cache
from typing import Final, NamedTuple

from lakzegel_agent.ledgercipher import Keyed
from lakzegel_agent.ledgerrows import Base
from lakzegel_agent.sealing.surveys import ConversationUnit, Survey, SurveyFailed, SurveyResult

_MARK: Final = 16  # bytes
_STAT: Final = struct.Struct(">QqqQ")
_END: Final = b"end"
_TIME_MIN: Final = -(2**63)
_TIME_MAX: Final = 2**63 - 1
_keyed: Final = lru_cache(maxsize=1)(Keyed)  # a process works for one home


class SourceInfo(NamedTuple):
    """Where units of a source are read."""

    label: str
    reader: str
    root: bytes
    number: int  # of the ledger's row


class Setup(NamedTuple):
    """What stays the same for every job of a pass."""

    origin: str
    device: str
    epoch: int
    recipients: tuple[bytes, ...]
    ledger_key: bytes
    spool: bytes
    sources: tuple[SourceInfo, ...]
    labels: tuple[str, ...] = ()  # what each segment is looked through for (guards.md §8)


class Stat(NamedTuple):
    """What tells one state of a file from another; times in ns that 64 bits hold."""

    size: int
    mtime: int
    ctime: int
    inode: int
    mode: int

    def mark(self, key: bytes, *, whole: bool = True) -> bytes:
        """Return the short keyed form that the ledger keeps.

        Another one where the file was not read ``whole``: a look at everything takes it for new.
        """
        text = _STAT.pack(*self[:4])  # all but the mode
        return _keyed(key).digest(text if whole else text + _END)[:_MARK]

    @classmethod
    def of(cls, told: os.stat_result) -> "Stat":
        """Return the state that the system tells of."""
        mtime, ctime = told.st_mtime_ns, told.st_ctime_ns
        if not _TIME_MIN <= mtime <= _TIME_MAX:
            mtime = _TIME_MIN if mtime < 0 else _TIME_MAX
        if not _TIME_MIN <= ctime <= _TIME_MAX:
            ctime = _TIME_MIN if ctime < 0 else _TIME_MAX
        return cls(told.st_size, mtime, ctime, told.st_ino, stat.S_IMODE(told.st_mode))


class FileUnit(NamedTuple):
    """A file to be read whole, cut and captured."""

    source: int
    path: bytes
    name: bytes
    stat: Stat
    secret: bytes | None  # its row in the ledger, still encrypted
    again: bool  # capture it though nothing changed: it was gone
    patient: bool  # report it when its format says that it is not complete yet
    lenient: bool  # the last try: take it as it is when opened; it may grow meanwhile


class GrownUnit(NamedTuple):
    """A large file that something was added to: its end is to be read, cut and captured."""

    source: int
    path: bytes
    name: bytes
    stat: Stat
    secret: bytes  # its row in the ledger, still encrypted
    size: int  # bytes from where its last segment begins


class RangeUnit(NamedTuple):
    """Segments of a big file to be sealed; their capture comes later."""

    source: int
    path: bytes
    name: bytes
    stat: Stat
    lenient: bool
    ranges: tuple[tuple[int, int], ...]


class CaptureUnit(NamedTuple):
    """The capture of a big file whose segments all lie in closed batches."""

    source: int
    path: bytes
    name: bytes
    stat: Stat
    version: int
    grew: bool
    rows: bytes  # packed segments
    base: Base | None = None  # what it builds on
    unread: int = 0  # bytes at its beginning that are taken as the version before had them


class ObservationUnit(NamedTuple):
    """An observation from the ledger's queue."""

    id: int
    label: str
    payload: bytes


Unit = FileUnit | GrownUnit | RangeUnit | CaptureUnit | ObservationUnit | ConversationUnit


class Job(NamedTuple):
    """One batch to be made."""

    batch: int
    token: str
    seen: str  # RFC 3339: when it was read
    limit: int  # bytes that batches are planned for
    units: tuple[Unit, ...]


class Cut(NamedTuple):
    """A file whose seams are to be found; ``known`` are packed segments of its history."""

    ticket: int
    source: int
    path: bytes
    stat: Stat
    known: bytes
    patient: bool
    lenient: bool


# what became of a unit; `detail` says why it failed


class Done(NamedTuple):
    """A file is captured: its row in the ledger as it will be."""

    mark: bytes
    secret: bytes
    size: int
    grew: bool


class Same(NamedTuple):
    """A file was read and is what was captured last; only its state on disk differs."""

    mark: bytes
    size: int


class Sealed(NamedTuple):
    """Segments of a big file are sealed: packed, in the order of the ranges."""

    rows: bytes
    grew: bool


class Said(NamedTuple):
    """An observation is sealed."""


class Missed(NamedTuple):
    """A unit was not sealed: ``changed``, ``vanished``, ``incomplete``, ``crowded``, or a reason.

    ``changed`` and ``incomplete`` may be tried again, ``crowded`` has more segments than the batch
    has room for, ``unlike`` more than its end is new; a reason is a slug like ``unreadable``.
    ``rows`` are the packed segments of a big file that were sealed before it changed.
    """

    why: str
    rows: bytes = b""


UnitResult = Done | Same | Sealed | Said | Missed


class Labelled(NamedTuple):
    """A segment in which something was found; ``bare``: a number that no word beside it names."""

    source: int
    item: int  # its index in the batch
    labels: tuple[str, ...]
    bare: bool


class JobResult(NamedTuple):
    """A body and a keyring lie in the spool as synced parts."""

    batch: int
    token: str
    results: tuple[UnitResult, ...]
    items: int
    contents: bytes
    manifest: bytes
    keyring: bytes  # SHA-256
    size: int  # bytes of body and keyring
    bytes_read: int
    labelled: tuple[Labelled, ...] = ()


class JobFailed(NamedTuple):
    """Nothing of the job is left, and why.

    The code of an `UnwritableError`, ``spool`` (it cannot be written for another reason), ``lost``
    (the process died), or ``crash``.
    """

    batch: int
    token: str
    why: str
    detail: str


class Ready(NamedTuple):
    """A process was set up and takes jobs."""


class CutResult(NamedTuple):
    """The ends of a file's segments; ``reused`` has the packed row of each known one, else b"".

    Neither where the file ``is_known``: its segments are the known ones, in their order. A large
    file has 20,000 of them, and the agent would keep the memory that they come in.
    """

    ticket: int
    stat: Stat
    ends: tuple[int, ...]
    reused: tuple[bytes, ...]
    is_known: bool = False


class CutFailed(NamedTuple):
    """No seams: as `Missed`, or ``lost`` when the process died."""

    ticket: int
    why: str


Request = Setup | Job | Cut | Survey
Answer = JobResult | JobFailed | CutResult | CutFailed | SurveyResult | SurveyFailed | Ready
