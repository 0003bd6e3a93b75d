# SPDX-License-Identifier: EUPL-1.2
"""Which batches may lie here without an entry, so that a start needs to look for no others.

docs/spec/storage.md §5. A batch is noted, durably, before its files get their names, and its place
in the note is given to another once it is sealed or taken away. So the file stays as small as what
was ever under way at one time, and to write a name is to overwrite one. Where the file is absent or
says what none of these is, what it says is unknown: then every name has to be looked at, once.
"""

from __future__ import annotations

import heapq
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from lakzegel_server import durable
from lakzegel_server.layout import Layout

RECORD: Final = 65  # bytes: the hex of an id, and the end of the line
MAX_FILE: Final = RECORD * 2**16  # many times what can be under way
_RECORD: Final = re.compile(rb"[0-9a-f]{64}\n")


class Unsealed:
    """The note of one receiver that has its index for itself; any thread may ask."""

    def __init__(self, path: Path, work: Path, names: Sequence[str] | None) -> None:
        """``names`` are those of a run before; None where it is unknown which there are."""
        self._path = path
        self._work = work
        self._changed = threading.Condition()
        self._looking = threading.Lock()
        self._looked_at: str | None = None
        self._is_kept = names is not None
        self._places = {name: place for place, name in enumerate(names or ())}
        self._end = len(names or ())
        self._free = sorted(set(range(self._end)) - set(self._places.values()))
        self._left = set(self._places)

    @classmethod
    def open(cls, layout: Layout) -> Self:
        """What the last run left."""
        names = None if layout.shared else read_names(layout.unsealed)
        return cls(layout.unsealed, layout.incoming, names)

    def close(self) -> None:
        """Leave nothing where nothing is under way."""
        with self._changed, suppress(OSError):  # what is there still does no harm
            if self._is_kept and not self._places:
                os.truncate(self._path, 0)

    @property
    def is_known(self) -> bool:
        """Whether the file names all that may lie here unsealed."""
        return self._is_kept

    @property
    def left(self) -> list[str]:
        """The names of a run before that nobody has settled yet."""
        with self._changed:
            return sorted(self._left)

    @contextmanager
    def noting(self, names: Sequence[str]) -> Iterator[Callable[[], None]]:
        """Note these; what is yielded returns when that is durable, and is called once.

        The file is opened before it is written: then an error of the disk between the two is told
        to whoever wrote, though another one's sync met it first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._looked_at not in names)
            self._left.difference_update(names)  # whoever sends it has it taken away, or sealed
            opened = self._write(names) if names else None
        try:
            yield lambda: None if opened is None else durable.sync_data(opened)
        finally:
            if opened is not None:
                os.close(opened)

    def forget(self, names: Iterable[str]) -> None:
        """These are sealed, or their files are gone."""
        with self._changed:
            for name in names:
                self._left.discard(name)
                place = self._places.pop(name, None)
                if place is not None:
                    heapq.heappush(self._free, place)

    @contextmanager
    def looking_at(self, name: str) -> Iterator[bool]:
        """Whether nobody has it under way; nobody begins to, meanwhile."""
        with self._looking:
            with self._changed:
                is_free = name not in self._places or name in self._left
                self._looked_at = name if is_free else None
            try:
                yield is_free
            finally:
                with self._changed:
                    self._looked_at = None
                    self._changed.notify_all()

    def keep(self) -> None:
        """Begin to note in the file: nothing else lies here unsealed than what is under way."""
        with self._changed:
            ordered = sorted(self._places, key=self._places.__getitem__)
            data = "".join(f"{name}\n" for name in ordered).encode()
            durable.replace_file(self._path, data, work=self._work)
            self._places = {name: place for place, name in enumerate(ordered)}
            self._end, self._free = len(ordered), []
            self._is_kept = True

    def _write(self, names: Sequence[str]) -> int | None:
        """The open file, where there is one to note in; needs the lock."""
        for name in names:
            if name not in self._places:
                self._places[name] = self._take_place()
        if not self._is_kept:
            return None
        try:
            opened = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:  # somebody took it away: all has to be looked at once more
            self._is_kept = False
            return None
        try:
            for name in names:
                _write_at(opened, f"{name}\n".encode(), RECORD * self._places[name])
        except BaseException:
            os.close(opened)
            raise
        return opened

    def _take_place(self) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self._end += 1
        return self._end - 1


def read_names(path: Path, *, cut: bool = True) -> list[str] | None:
    """The names in a note; None where there is none that can be believed.

    What is ``cut`` off at its end was never durable, and so nothing has that name yet.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return None
    whole = len(data) - len(data) % RECORD if cut else len(data)
    records = [data[place : place + RECORD] for place in range(0, whole, RECORD)]
    if len(data) > MAX_FILE or not all(map(_RECORD.fullmatch, records)):
        return None
    return [record.decode().rstrip("\n") for record in records]


def _write_at(opened: int, data: bytes, place: int) -> None:
    while data:
        written = os.pwrite(opened, data, place)
        data, place = data[written:], place + written
