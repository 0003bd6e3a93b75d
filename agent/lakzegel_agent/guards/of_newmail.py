# SPDX-License-Identifier: EUPL-1.2
"""Mail in the policy's sources that was not looked at yet, newest first, some at a time.

A file is known by the keyed name of where it lies, a mailbox of many mails by how far it was read.
What is excluded, or of an account that is not agreed, is not opened. docs/spec/settings-guarded.md
"""

from __future__ import annotations

import hashlib
import heapq
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from lakzegel_agent.errors import ChangedError
from lakzegel_agent.exclusion import Excluder, Narrowing
from lakzegel_agent.guards.base import TOO_MANY, UNREADABLE, PlaceError, Surroundings, Watched
from lakzegel_agent.guards.of_mailheads import MAX_HEAD, Head, parse_head
from lakzegel_agent.guards.of_walks import walk
from lakzegel_agent.guards.places import opened
from lakzegel_agent.readers.maildir import READER as MAILDIR
from lakzegel_agent.readers.mbox import READER as MBOX
from lakzegel_agent.view import View

MAX_ENTRIES: Final = 200_000  # of a source, that one look walks
MAX_FILES: Final = 100_000  # that are remembered
BOXES: Final = "mbox"
_FIRST: Final = 8 * 1024  # bytes in which a head nearly always ends
_COUNT: Final = 64  # bytes in which the line ends with which an .emlx begins
_BEFORE: Final = 64  # bytes before a mail by which its place is known again
_LINE: Final = 256  # bytes of a separator line
_FOLDERS: Final = (b"new/", b"cur/")
_BELOW: Final = (b"/new/", b"/cur/")


@dataclass(frozen=True, slots=True)
class Found:
    """One mail; no head where it is not understood."""

    place: str  # the same for the same mail at the same place
    head: Head | None
    moment: datetime  # of the file, for a mail that does not tell


@dataclass(slots=True)
class Progress:
    """What was looked at before: by the name of a file the day of it, of a mailbox how far."""

    files: dict[bytes, int] = field(default_factory=dict)
    boxes: dict[str, tuple[int, str, int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Budget:
    """How many mails may still be looked at."""

    left: int


@dataclass(slots=True)
class Walked:
    """What a look at one source came to."""

    left: int = 0  # files that wait
    why: str = ""  # why there may be more


class _File(NamedTuple):
    name: bytes
    path: bytes
    told: os.stat_result


def new_mail(
    source: Watched,
    around: Surroundings,
    since: datetime,
    progress: Progress,
    budget: Budget,
    walked: Walked,
) -> Iterator[Found]:
    """Yield what is new in a source since a moment; ``walked`` says how it went, once all is."""
    files = _files(source, around, since, walked)
    if source.kind == BOXES:
        for file in files:
            yield from _of_box(source, file, progress, budget, walked)
        return
    waiting = [file for file in files if file.name not in progress.files]
    if len(progress.files) > MAX_FILES:
        walked.why = TOO_MANY
        return
    newest = heapq.nlargest(budget.left, waiting, key=lambda file: file.told.st_mtime_ns)
    walked.left = len(waiting) - len(newest)
    budget.left -= len(newest)
    for file in newest:
        moment = _moment(file.told)
        try:
            with opened(_whole(source, file)) as (descriptor, told):
                view = View(descriptor, told.st_size)
                head = _head(view, _begin(source.kind, view), view.size)
        except FileNotFoundError:  # renamed meanwhile: the next look finds it
            walked.left += 1
            continue
        except (PlaceError, ChangedError):
            head = None
        progress.files[file.name] = moment.toordinal()
        yield Found(file.name.hex(), head, moment)


def _files(
    source: Watched, around: Surroundings, since: datetime, walked: Walked
) -> Iterator[_File]:
    """Yield the files of a source that may hold mail and were changed since a moment."""
    root = os.fsencode(source.root)
    accounts = [one.accounts for one in around.policy.sources if one.name == source.name]
    narrowing = Narrowing(source.kind, accounts[0] if accounts else ())
    left_out = Excluder(around.excluded, root, narrowing)
    key, only, first = _KEYS[source.kind], source.only, since.timestamp()
    salt, below = source.name.encode() + b"\0", root + b"/"
    for path in walk(root, most=MAX_ENTRIES):
        if isinstance(path, str):
            walked.why = path
            continue
        name = key(path)
        if name is None or (only is not None and not only(path)) or left_out(path):
            continue
        try:
            told = os.lstat(below + path)
        except FileNotFoundError:
            continue
        except OSError:  # a folder may tell its names and let nobody at its files
            walked.why = UNREADABLE
            continue
        if told.st_mtime >= first and stat.S_ISREG(told.st_mode):
            yield _File(_digest(salt + name), path, told)


def _of_box(
    source: Watched, file: _File, progress: Progress, budget: Budget, walked: Walked
) -> Iterator[Found]:
    """Yield the mails of a mailbox from where it was read last on."""
    key = file.name.hex()
    before = progress.boxes.get(key)
    if before is not None and before[2:] == (file.told.st_size, file.told.st_mtime_ns):
        return
    try:
        with opened(_whole(source, file)) as (descriptor, told):
            view = View(descriptor, told.st_size)
            start = before[0] if before is not None and _place(view, before[0]) == before[1] else 0
            for begin, end in _mails(view, start):
                if budget.left <= 0:
                    walked.left += 1
                    progress.boxes[key] = (begin, _place(view, begin), 0, 0)
                    return
                budget.left -= 1
                yield Found(f"{key}.{begin}", _head(view, begin, end), _moment(told))
                start = begin
            progress.boxes[key] = (start, _place(view, start), told.st_size, told.st_mtime_ns)
    except (FileNotFoundError, ChangedError):
        walked.left += 1  # the next look finds it as it is then
    except PlaceError as error:
        walked.why = error.reason


def _mails(view: View, start: int) -> Iterator[tuple[int, int]]:
    """Yield where each mail of a mailbox begins, behind its separator line, and ends."""
    if not view.read(0, _LINE).startswith(b"From "):
        return
    for end in MBOX.cut_on(b"", view, start) or ():
        yield start, end
        start = end


def _head(view: View, begin: int, end: int) -> Head | None:
    """Return the head of the mail between two places of a file."""
    if view.read(begin, begin + 5) == b"From ":
        begin += max(view.read(begin, min(begin + MAX_HEAD, end)).find(b"\n"), 0) + 1
    for most in (_FIRST, MAX_HEAD):
        data = view.read(begin, min(begin + most, end))
        head = parse_head(data, whole=begin + most >= end)
        if head is not None or begin + most >= end:
            break
    return head


def _begin(kind: str, view: View) -> int:
    """Return where a mail begins in its file: behind the count of bytes in one of Apple's."""
    if kind != "emlx":
        return 0
    line, newline, _ = view.read(0, _COUNT).partition(b"\n")
    return len(line) + 1 if newline and line.strip().isdigit() else 0


def _place(view: View, at: int) -> str:
    """Return by what a place in a mailbox is known again: what is before it, and its line."""
    if not 0 <= at < view.size:
        return ""
    line = view.read(at, at + _LINE).partition(b"\n")[0]
    return _digest(view.read(at - _BEFORE, at) + b"\0" + line).hex()


def _moment(told: os.stat_result) -> datetime:
    try:
        return datetime.fromtimestamp(told.st_mtime, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _whole(source: Watched, file: _File) -> Path:
    return source.root / os.fsdecode(file.path)


def _digest(name: bytes) -> bytes:
    return hashlib.blake2b(name, digest_size=8).digest()


def _in_maildir(path: bytes) -> bytes | None:
    """Return the name of a mail without its flags, None for what is no mail or not delivered."""
    folder = path[: path.rfind(b"/") + 1]
    return MAILDIR.history(path) if folder.endswith(_BELOW) or folder in _FOLDERS else None


def _ending(*endings: bytes) -> Callable[[bytes], bytes | None]:
    return lambda path: path if path.lower().endswith(endings) else None


def _in_box(path: bytes) -> bytes | None:
    skipped = MBOX.exclude(path) is not None or path.endswith((b".msf", b".dat", b".html"))
    return None if skipped else MBOX.history(path)


_KEYS: Final = {
    "maildir": _in_maildir,
    "eml": _ending(b".eml", b".mime"),
    "emlx": _ending(b".emlx"),
    BOXES: _in_box,
}
KINDS: Final = frozenset(_KEYS)
