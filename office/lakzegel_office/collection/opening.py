# SPDX-License-Identifier: EUPL-1.2
"""From an unlocked office to its collection: the one place that joins index, mirror and keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final

from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.keyring import DESTROYED
from lakzegel_office.batchfile import OpenBatch
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.bodies import Opened
from lakzegel_office.collection.database import (
    NAME,
    DatabaseError,
    OperationalError,
    open_database,
    remove_database,
    told,
)
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.indexing import Indexed, Indexer, Mirrored, OutOfOrderError
from lakzegel_office.collection.scrubbing import Scrubber
from lakzegel_office.collection.tombstones import entomb
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from, identities
from lakzegel_office.destroying.tombs import tombs_of
from lakzegel_office.errors import DoubtError, GoneError
from lakzegel_office.extracted import Extracts, extracts_in_force
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.opening import OpenTask
from lakzegel_office.replay import Replay, destroyed_in, keyring_of
from lakzegel_office.replaying import replay_home
from lakzegel_office.vault import INDEX

KEPT: Final = 8  # batches that stay open, mapped: the next unit is most often in one of them


Slots = tuple[bytes, ...]


class Items:
    """Opens items of the mirror; batches stay open for a while."""

    def __init__(self, catalog: Catalog, extracts: Extracts) -> None:
        """Keep the catalog, and what was left of segments that are destroyed."""
        self._catalog = catalog
        self._extracts = extracts
        self._lock = Lock()  # several threads of one page may ask at once
        self._open: OrderedDict[str, tuple[OpenBatch, ExitStack]] = OrderedDict()

    def fetch(self, item: ItemId) -> bytes:
        """Return an item's raw bytes.

        Raises:
            DoubtError: it is not what was committed to, or a file is missing.
            GoneError: its key was destroyed.
        """
        try:
            with self._lock:
                return self._payload(item)
        except LakzegelError as error:
            raise DoubtError(f"{item}: {error}") from error
        except FileNotFoundError as error:
            raise DoubtError(f"{item}: {error.filename} is missing; run pull") from error

    def slots(self, in_force: Callable[[HeaderRecord], bytes], record: HeaderRecord) -> Slots:
        """Return the keys of a batch's items, as the keyring in force has them.

        Raises:
            FormatError: that is not in the mirror yet.
            LakzegelError, FileNotFoundError: it cannot be opened.
        """
        self._forget(record.batch_id)
        if not self._catalog.has_keyring(record, in_force(record)):
            raise FormatError("keyring", "not the one in force")
        with self._catalog.open(record) as batch:
            return batch.keyring.slots

    def _forget(self, batch_id: str) -> None:
        known = self._open.pop(batch_id, None)
        if known is not None:
            known[1].close()

    def gone(self, item: ItemId) -> GoneError:
        """Return what to say of something that was destroyed."""
        return GoneError(f"{item}: destroyed; {self._catalog.certificate(item)}")

    def kept(self, record: HeaderRecord, index: int) -> Sequence[tuple[int, int]] | None:
        """Return which stretches of an item an extract has; None where there is none."""
        header = record.header
        extract = self._extracts.of(ItemId(header.device, header.epoch, header.batch, index))
        return None if extract is None else tuple(extract.pieces)

    def close(self) -> None:
        """Close the batches that are open."""
        while self._open:
            self._open.popitem()[1][1].close()

    def _payload(self, item: ItemId) -> bytes:
        batch = self._batch(item)
        if batch.keyring.slots[item.index] == DESTROYED:
            extract = self._extracts.of(item)
            if extract is None:
                raise self.gone(item)
            return extract.payload()
        return batch.item(item.index).payload

    def _batch(self, item: ItemId) -> OpenBatch:
        record = self._catalog.find(item)
        known = self._open.get(record.batch_id)
        if known is None:
            stack = ExitStack()
            opened: AbstractContextManager[OpenBatch] = self._catalog.open(record)
            known = self._open[record.batch_id] = (stack.enter_context(opened), stack)
            if len(self._open) > KEPT:
                self._open.popitem(last=False)[1][1].close()
        self._open.move_to_end(record.batch_id)
        return known[0]


def custody_of(replay: Replay) -> Callable[[str, str], str]:
    """Return whose a source of a device is: its phone's custody, else the device's."""
    policies = replay.policies()
    phones = {s.custody for policy in policies for s in policy.sources if s.custody}

    def custody(device: str, source: str) -> str:
        for phone in phones:
            if source.endswith(f" ({phone})"):
                return phone
        state = replay.custody.devices.get(device)
        return state.custody if state is not None else device

    return custody


def open_collection(
    office: Office, *, progress: Callable[[str], None] | None = None
) -> tuple[IndexedCollection, Indexed]:
    """Return the office's collection, brought up to the mirror, and what that took.

    Raises:
        UsageError: there is no mirror yet, or no recipient's key.
        DoubtError: the log in it does not verify.
    """
    mirror = Mirror(office.home.mirror)
    replay = replay_home(office)
    opener = _Opener(office, mirror, replay, progress or _silent)
    try:
        return opener.open()
    except OutOfOrderError:
        pass
    except DatabaseError as error:
        if isinstance(error, OperationalError):
            raise told(error, opener.path) from error
    remove_database(opener.path)  # a page of it is damaged, or a batch came late
    return opener.open()


@dataclass(frozen=True, slots=True)
class _Opener:
    """Joins the parts of one collection."""

    office: Office
    mirror: Mirror
    replay: Replay
    progress: Callable[[str], None]

    @property
    def path(self) -> Path:
        """Where the index lies."""
        return self.office.home.state / NAME

    def open(self) -> tuple[IndexedCollection, Indexed]:
        """Open the index, and bring it up to the mirror."""
        key = self.office.vault.load(INDEX)
        names = Names(key)
        catalog = catalog_from(self.office, self.replay)
        files = extracts_in_force(self.office.home, self.replay)
        extracts = Extracts(files, identities(self.office))
        items = Items(catalog, extracts)
        db = open_database(self.path, names.database)
        collection = IndexedCollection(self.path, db, Opened(items.fetch, items.close, items.gone))
        in_force = partial(keyring_of, self.replay)
        mirrored = Mirrored(
            tuple(catalog.headers()),
            self._is_here,
            partial(self._task, extracts),
            custody_of(self.replay),
            items.fetch,
            Scrubber(db, in_force, partial(items.slots, in_force), items.kept),
            (identities(self.office), self.office.home.state, key),
        )
        try:
            done = Indexer(db, names, mirrored, self.progress).run()
            entomb(db, tombs_of(self.office), self._is_destroyed)
        except BaseException:
            collection.close()
            raise
        return collection, done

    def _is_destroyed(self, item: ItemId) -> bool:
        place = (item.device, item.epoch, item.batch)
        return item.index in self.replay.destroyed[place]

    def _is_here(self, record: HeaderRecord) -> bool:
        name = record.batch_id
        return self.mirror.batch(name).is_file() and self.mirror.keyring(name).is_file()

    def _task(self, extracts: Extracts, record: HeaderRecord) -> OpenTask:
        name, files = record.batch_id, extracts.in_batch(record)
        batch, keyring = self.mirror.batch(name), self.mirror.keyring(name)
        return OpenTask(name, batch, keyring, destroyed_in(self.replay, record), files)


def _silent(text: str) -> None:
    del text
