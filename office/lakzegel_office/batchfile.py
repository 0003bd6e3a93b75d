# SPDX-License-Identifier: EUPL-1.2
"""One mirrored batch and its keyring, opened: its items, each proven as it is read.

The file is mapped, not read: memory is one item at a time, whatever the batch measures.
"""

import hashlib
import mmap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from lakzegel_core import limits
from lakzegel_core.batch import Header, peek_header, split_header
from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.item import Item, Place, open_item
from lakzegel_core.keyring import DESTROYED, Keyring
from lakzegel_core.manifest import ENTRY_SIZE, ManifestEntry, contents_root, parse_manifest
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.mirror import read_limited
from lakzegel_office.regular import open_regular


class DestroyedError(LakzegelError):
    """An item whose key was destroyed."""

    code: ClassVar[str] = "destroyed"


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose keyring could be opened."""

    header: Header
    entries: tuple[ManifestEntry, ...]
    offsets: tuple[int, ...]
    keyring: Keyring
    data: mmap.mmap

    def place(self, index: int) -> Place:
        """Return where an item of this batch belongs."""
        header = self.header
        return Place(header.origin, header.device, header.epoch, header.batch, index)

    def ciphertext(self, index: int) -> bytes:
        """Return one sealed item."""
        start = self.offsets[index]
        return self.data[start : start + self.entries[index].length]

    def item(self, index: int) -> Item:
        """Return one item, everything about it checked.

        Raises:
            DestroyedError: its key was destroyed.
            LakzegelError: it is not what the header commits to.
        """
        key = self.keyring.slots[index]
        if key == DESTROYED:
            raise DestroyedError(f"item {index}: its key was destroyed")
        return open_item(
            self.ciphertext(index), key=key, place=self.place(index), entry=self.entries[index]
        )

    def items(self, indices: Iterable[int]) -> Iterator[tuple[int, Item | LakzegelError]]:
        """Yield each item asked for, or the error that names why it is none."""
        for index in indices:
            try:
                yield index, self.item(index)
            except LakzegelError as error:
                yield index, error


@contextmanager
def open_batch(batch: Path, keyring: Path, keychain: Keychain) -> Iterator[OpenBatch]:
    """Open a batch file and its keyring.

    Raises:
        LakzegelError: the two do not belong together, or the keyring cannot be opened.
        FileNotFoundError: one is missing.
    """
    sealed_keys = read_limited(keyring, limits.MAX_KEYRING)
    with map_file(batch) as data:
        header_bytes, header = read_header(data)
        entries = read_manifest(data, len(header_bytes), header)
        keys = keychain.open(sealed_keys)
        _check_belongs(keys, header)
        yield OpenBatch(header, entries, _offsets(len(header_bytes), entries), keys, data)


@contextmanager
def map_file(path: Path) -> Iterator[mmap.mmap]:
    """Map a file that is not empty, for reading."""
    with open_regular(path) as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise FormatError(path.name, "empty") from error
        with data:
            yield data


def read_header(data: mmap.mmap) -> tuple[bytes, Header]:
    """Return the header's bytes and fields; its signature was checked against the log's entry.

    Raises:
        FormatError: no header.
    """
    header_bytes = split_header(data[: limits.MAX_HEADER])
    if header_bytes is None:
        raise FormatError("batch", "no header within its limit")
    return header_bytes, peek_header(header_bytes)


def read_manifest(data: mmap.mmap, start: int, header: Header) -> tuple[ManifestEntry, ...]:
    """Return the manifest that the header commits to.

    Raises:
        FormatError: another manifest, or another length than the file has.
    """
    end = start + header.items * ENTRY_SIZE
    entries = parse_manifest(data[start:end], header.items)
    if contents_root(entries) != header.contents:
        raise FormatError("manifest", "not the one that the header commits to")
    if end + sum(entry.length for entry in entries) != len(data):
        raise FormatError("batch", "not as long as its manifest says")
    return entries


def batch_id(header_bytes: bytes) -> str:
    """Return the name of the batch with this header note."""
    return hashlib.sha256(header_bytes).hexdigest()


def _offsets(start: int, entries: Sequence[ManifestEntry]) -> tuple[int, ...]:
    position = start + len(entries) * ENTRY_SIZE
    offsets = []
    for entry in entries:
        offsets.append(position)
        position += entry.length
    return tuple(offsets)


def _check_belongs(keys: Keyring, header: Header) -> None:
    """Refuse a keyring of another batch."""
    for name in ("origin", "device", "epoch", "batch", "items", "contents"):
        if getattr(keys, name) != getattr(header, name):
            raise FormatError("keyring", f"it is another batch's: {name} differs")
