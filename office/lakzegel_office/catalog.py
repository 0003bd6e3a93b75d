# SPDX-License-Identifier: EUPL-1.2
"""The items of the mirror, in the order of the log, with what each says of itself."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from lakzegel_core.age import Identity
from lakzegel_core.errors import LakzegelError
from lakzegel_core.item import Item
from lakzegel_core.limits import MAX_KEYRING
from lakzegel_office.batchcheck import check_digest
from lakzegel_office.batchfile import DestroyedError, OpenBatch, open_batch
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.headers import HeaderRecord, Headers
from lakzegel_office.index import IndexedItem, IndexStore
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.opening import Opener, OpenTask


class Catalog:
    """Looks items up; a batch whose index is gone is opened again."""

    def __init__(
        self,
        mirror: Mirror,
        headers: Headers,
        store: IndexStore,
        identities: Sequence[Identity],
        certificate: Callable[[ItemId], str],
        destroyed: Callable[[HeaderRecord], frozenset[int]],
    ) -> None:
        """Keep the mirrored headers, in the order of the log, the keys, and who tells of a loss.

        `certificate` tells by which one an item was destroyed, `destroyed` which of a batch were.
        """
        self.certificate = certificate
        self._destroyed = destroyed
        self._mirror = mirror
        self._headers = headers
        self._store = store
        self._identities = identities
        self._keychain = Keychain(identities)

    def headers(self, device: str | None = None) -> Iterator[HeaderRecord]:
        """Yield the headers of one device, or of all, in the order of the log."""
        yield from self._headers if device is None else self._headers.of_device(device)

    def items(self, device: str | None = None) -> Iterator[tuple[ItemId, IndexedItem]]:
        """Yield every item that could be opened.

        Raises:
            DoubtError: a batch or keyring is not in the mirror.
        """
        for record in self.headers(device):
            header = record.header
            for line in self.batch_items(record):
                yield ItemId(header.device, header.epoch, header.batch, line.index), line

    def batch_items(self, record: HeaderRecord) -> Iterator[IndexedItem]:
        """Yield the items of one batch; one that the log has as destroyed is not among them."""
        lines = self._store.read(record.batch_id)
        gone = self._destroyed(record)
        if lines is not None and gone:
            some = list(lines)
            lines = None if any(line.index in gone for line in some) else iter(some)
        if lines is None:  # not there, or an old copy that was put back
            self._open_again(record)
            lines = self._store.read(record.batch_id)
        return (line for line in lines or () if line.index not in gone)

    def find(self, item: ItemId) -> HeaderRecord:
        """Return the header of the batch that an item is in.

        Raises:
            UsageError: there is no such batch or item.
        """
        record = self._headers.find((item.device, item.epoch, item.batch))
        if record is not None and item.index < record.header.items:
            return record
        raise UsageError(f"{item}: no such item in the mirror; see: lakzegel-office list")

    def has_keyring(self, record: HeaderRecord, digest: bytes) -> bool:
        """Tell whether a batch's keyring in the mirror has this SHA-256."""
        path = self._mirror.keyring(record.batch_id)
        return next(check_digest(path, "", digest, limit=MAX_KEYRING, batch=None), None) is None

    def open(self, record: HeaderRecord) -> AbstractContextManager[OpenBatch]:
        """Open a batch of the mirror."""
        name = record.batch_id
        return open_batch(self._mirror.batch(name), self._mirror.keyring(name), self._keychain)

    def item(self, item: ItemId) -> Item:
        """Return one item, opened and checked.

        Raises:
            DoubtError: it is not what was committed to, or a file is missing.
            GoneError: its key was destroyed.
        """
        try:
            with self.open(self.find(item)) as batch:
                return batch.item(item.index)
        except DestroyedError as error:
            raise GoneError(f"{item}: destroyed; {self.certificate(item)}") from error
        except LakzegelError as error:
            raise DoubtError(f"{item}: {error}") from error
        except FileNotFoundError as error:
            raise DoubtError(f"{item}: {error.filename} is missing; run pull") from error

    def _open_again(self, record: HeaderRecord) -> None:
        name = record.batch_id
        files = (self._mirror.batch(name), self._mirror.keyring(name))
        task = OpenTask(name, *files, self._destroyed(record))
        self._store.make_folders()
        try:
            Opener(self._identities, self._store).open(task)
        except FileNotFoundError as error:
            raise DoubtError(f"{error.filename}: missing; run pull") from error
