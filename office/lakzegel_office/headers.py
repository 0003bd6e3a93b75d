# SPDX-License-Identifier: EUPL-1.2
"""The log's headers and keyring changes, read from the mirror when they are asked for.

A log of ten million entries does not fit in memory as objects; what is kept are numbers.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lakzegel_core import keyringchange, note
from lakzegel_core.batch import Header, peek_header
from lakzegel_core.custody import Custody
from lakzegel_core.encoding import format_time
from lakzegel_core.entries import kind_of
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_office.errors import DoubtError
from lakzegel_office.logentries import Entries
from lakzegel_office.places import HEADER, BatchPlace, Places

PARSED: Final = 4096  # headers that stay parsed


@dataclass(frozen=True, slots=True)
class HeaderRecord:
    """A header that custody accepted: its place in the log and its batch's name."""

    index: int
    batch_id: str
    header: Header

    @property
    def name(self) -> str:
        """How a message names the batch."""
        return f"{self.header.device}/{self.header.epoch}/{self.header.batch}"


@dataclass(frozen=True, slots=True)
class Change:
    """A keyring change that custody accepted, and its place in the log."""

    index: int
    change: KeyringChange

    def __str__(self) -> str:
        """Return how a person finds the certificate."""
        said = self.change.certificate
        name = said.hex() if said is not None else "none"
        return f"certificate {name}, entry {self.index} of {format_time(self.change.at)}"


class Headers:
    """The headers that custody accepted, in the order of the log."""

    def __init__(
        self,
        entries: Entries,
        places: Places,
        is_known: Callable[[BatchPlace], bool],
    ) -> None:
        """Begin with none; `is_known` tells whether custody accepted a header of a batch."""
        self._entries = entries
        self._places = places
        self._parsed: OrderedDict[int, HeaderRecord] = OrderedDict()
        self._count = 0
        self._is_known = is_known
        self.refused: set[int] = set()  # entries that are headers, and not of this custody

    def __len__(self) -> int:
        """Return how many there are."""
        return self._count

    def __iter__(self) -> Iterator[HeaderRecord]:
        """Yield each, read from the mirror."""
        return self.since(0)

    def begin_at(self, count: int) -> None:
        """Go on from so many that were accepted before."""
        self._count = count

    def add(self, record: HeaderRecord) -> None:
        """Take the next one in."""
        self._count += 1
        self._places.add(place_of(record), HEADER, record.index)
        self._keep(record)

    def since(self, index: int, upto: int | None = None) -> Iterator[HeaderRecord]:
        """Yield each from an entry of the log on, up to another."""
        for number, entry in self._entries.since(index, upto):
            record = None if number in self.refused else self._record(number, entry)
            if record is not None:
                yield record

    def of_device(self, device: str) -> Iterator[HeaderRecord]:
        """Yield those of one device."""
        for index in self._places.of_device(device):
            record = self.at(index)
            if record is not None and record.header.device == device:
                yield record

    def at(self, index: int) -> HeaderRecord | None:
        """Return the header at a place in the log; None where there is none."""
        if index in self.refused or not 0 <= index < self._entries.size:
            return None
        return self._record(index, self._entries.at(index))

    def find(self, place: BatchPlace) -> HeaderRecord | None:
        """Return the header of a batch; None where the log holds no such batch.

        Raises:
            DoubtError: the log has lost it.
        """
        if not self._is_known(place):
            return None
        found = self._find(place)
        if found is None:  # the index was lost, or is of before
            for record in self:
                self._places.add(place_of(record), HEADER, record.index)
            found = self._find(place)
        if found is None:
            name = "/".join(map(str, place))
            raise DoubtError(f"mirror/log: batch {name} is not there; run: lakzegel-office verify")
        return found

    def _find(self, place: BatchPlace) -> HeaderRecord | None:
        """Return the header that lies where the index says, if it is the one."""
        index = self._places.of(place).get(HEADER)
        if index is None or not 0 <= index < self._entries.size or index in self.refused:
            return None
        record = self._parsed.get(index)
        if record is None:
            record = self._record(index, self._entries.at(index))
        return record if record is not None and place_of(record) == place else None

    def _record(self, index: int, entry: bytes) -> HeaderRecord | None:
        if index not in self._parsed:
            record = record_of(index, entry)
            if record is None:
                return None
            self._keep(record)
        return self._parsed[index]

    def _keep(self, record: HeaderRecord) -> None:
        self._parsed[record.index] = record
        if len(self._parsed) > PARSED:
            self._parsed.popitem(last=False)


class Changes:
    """The keyring changes that custody accepted, in the order of the log."""

    def __init__(self, entries: Entries) -> None:
        """Begin with none."""
        self._entries = entries
        self.indices = array("Q")

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.indices)

    def __iter__(self) -> Iterator[Change]:
        """Yield each, read from the mirror."""
        return map(self.at, self.indices)

    def since(self, index: int) -> Iterator[Change]:
        """Yield each from an entry of the log on."""
        return map(self.at, self.indices[bisect_left(self.indices, index) :])

    def add(self, index: int) -> None:
        """Take the next one in."""
        self.indices.append(index)

    def at(self, index: int) -> Change:
        """Return the one that is this entry of the log.

        Raises:
            DoubtError: that is none.
        """
        entry = self._entries.at(index)
        try:
            if kind_of(entry) != keyringchange.KIND:
                raise DoubtError(f"mirror/log, entry {index}: no keyring change")
            return Change(index, KeyringChange.from_text(note.parse(entry).text))
        except LakzegelError as error:
            raise DoubtError(f"mirror/log, entry {index}: {error}") from error


class Destroyed:
    """Which items of a batch the log says are gone, and by which change."""

    def __init__(self, custody: Custody, places: Places, changes: Changes) -> None:
        """Keep where to look."""
        self._custody = custody
        self._places = places
        self._changes = changes
        self._known: OrderedDict[BatchPlace, tuple[object, Mapping[int, Change]]] = OrderedDict()

    def __getitem__(self, place: BatchPlace) -> Mapping[int, Change]:
        """Return the items of a batch that are gone, each with the first change that says so."""
        state = self._custody.keyrings.get(place)
        if state is None:
            return {}
        known = self._known.get(place)
        if known is None or known[0] != state:
            known = self._known[place] = state, self._look(place)
            if len(self._known) > PARSED:
                self._known.popitem(last=False)
        return known[1]

    def items(self) -> Iterator[tuple[BatchPlace, Mapping[int, Change]]]:
        """Yield each batch whose keyring was changed, and what is gone of it."""
        for place in self._custody.keyrings:
            yield place, self[place]

    def _look(self, place: BatchPlace) -> Mapping[int, Change]:
        gone: dict[int, Change] = {}
        for change in self._of(place) or self._sought(place):
            for item in change.change.destroyed:
                gone.setdefault(item, change)
        return gone

    def _of(self, place: BatchPlace) -> list[Change]:
        """Return a batch's changes, by the index; none where that has not all of them."""
        entries = self._places.of(place)
        found = [self._changes.at(entries[g]) for g in sorted(entries) if g != HEADER]
        generations = [one.change.generation for one in found if _changed(one) == place]
        whole = list(range(1, self._custody.keyrings[place][0] + 1))
        return found if generations == whole else []

    def _sought(self, place: BatchPlace) -> list[Change]:
        """Return a batch's changes without the index, which has lost one."""
        found = []
        for change in self._changes:
            self._places.add(_changed(change), change.change.generation, change.index)
            if _changed(change) == place:
                found.append(change)
        return found


def _changed(change: Change) -> BatchPlace:
    return change.change.device, change.change.epoch, change.change.batch


def record_of(index: int, entry: bytes) -> HeaderRecord | None:
    """Return what an entry says when it is a header; nothing is verified yet."""
    try:
        if kind_of(entry) != "batch":
            return None
        return HeaderRecord(index, hashlib.sha256(entry).hexdigest(), peek_header(entry))
    except LakzegelError:
        return None


def place_of(record: HeaderRecord) -> BatchPlace:
    """Return the device, epoch and number of a batch."""
    return record.header.device, record.header.epoch, record.header.batch
