# SPDX-License-Identifier: EUPL-1.2
"""Checking "batch file || keyring file" while its bytes come in, in constant memory.

    header note | manifest | item 0 | item 1 | … | keyring
    1. signature  2. contents  3. one SHA-256 each   4. the header's SHA-256

Whatever is wrong is refused at the first byte that shows it (docs/spec/batch.md §5). Held in
memory: the header, the manifest, and one hash at a time; never an item.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lakzegel_core.batchheader import Header, batch_id, split_header
from lakzegel_core.errors import (
    DigestMismatchError,
    LimitError,
    SizeMismatchError,
)
from lakzegel_core.limits import MAX_BATCH, MAX_HEADER, MAX_KEYRING
from lakzegel_core.manifest import ENTRY_SIZE, ManifestEntry, contents_root, parse_manifest

OpenHeader = Callable[[bytes], Header]
"""Gets the exact header note, finds the device's key, returns the verified header or raises."""


@dataclass(frozen=True, slots=True)
class Fed:
    """What one chunk was: the part of the batch file and the part of the keyring file."""

    batch: memoryview
    keyring: memoryview
    items: int  # how many items this chunk completed


_NOTHING: Final = memoryview(b"")


class BatchStream:
    """A pull parser: ``feed`` what comes in, then ``finish``; either raises what is wrong."""

    def __init__(self, open_header: OpenHeader, *, keyring: bool = True) -> None:
        self._open_header = open_header
        self._wants_keyring = keyring
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self._left = 0  # bytes of the current item
        self.header: Header | None = None
        self.header_bytes = b""
        self.entries: tuple[ManifestEntry, ...] | None = None
        self.batch_size: int | None = None  # bytes of the batch file, known with the manifest
        self.items_verified = 0
        self.keyring_size = 0

    @property
    def batch_id(self) -> bytes:
        """The batch's name, once its header is complete."""
        return batch_id(self.header_bytes)

    def feed(self, chunk: bytes | bytearray | memoryview) -> Fed:
        """Check the next bytes and say which of them belong to which file.

        Raises:
            LakzegelError: the first wrong byte is in this chunk; the stream is of no use any more.
        """
        whole = memoryview(chunk)
        rest = whole
        before = self.items_verified
        while rest and not self._batch_complete():
            rest = rest[self._take(rest) :]
        if rest:
            self._take_keyring(rest)
        return Fed(whole[: len(whole) - len(rest)], rest, self.items_verified - before)

    def finish(self) -> Header:
        """The header, now that everything it commits to was seen.

        Raises:
            SizeMismatchError: bytes are missing.
            DigestMismatchError: the keyring is another one.
        """
        if self.header is None:
            raise SizeMismatchError("batch: ended within its header")
        if self.entries is None:
            raise SizeMismatchError(f"{self._name()}: ended within its manifest")
        if not self._batch_complete():
            raise SizeMismatchError(f"{self._name()}: ended within item {self.items_verified}")
        if self._wants_keyring and not hmac.compare_digest(
            self._hash.digest(), self.header.keyring
        ):
            raise DigestMismatchError(f"{self._name()}: the keyring is not the header's")
        return self.header

    def _batch_complete(self) -> bool:
        return self.entries is not None and self.items_verified == len(self.entries)

    def _take(self, rest: memoryview) -> int:
        """Use some of the bytes for the part of the batch file that is being read."""
        if self.header is None:
            return self._take_header(rest)
        if self.entries is None:
            return self._take_manifest(rest, self.header)
        return self._take_item(rest, self.entries)

    def _take_header(self, rest: memoryview) -> int:
        before = len(self._pending)
        self._pending += rest[: MAX_HEADER - before]
        header = split_header(bytes(self._pending))
        if header is None:
            return len(self._pending) - before
        self.header = self._open_header(header)
        self.header_bytes = header
        self._pending.clear()
        return len(header) - before

    def _take_manifest(self, rest: memoryview, header: Header) -> int:
        taken = rest[: header.items * ENTRY_SIZE - len(self._pending)]
        self._pending += taken
        if len(self._pending) == header.items * ENTRY_SIZE:
            self._check_manifest(header)
        return len(taken)

    def _check_manifest(self, header: Header) -> None:
        entries = parse_manifest(bytes(self._pending), header.items)
        if not hmac.compare_digest(contents_root(entries), header.contents):
            raise DigestMismatchError(f"{self._name()}: the manifest is not the header's")
        size = len(self.header_bytes) + len(self._pending) + sum(e.length for e in entries)
        if size > MAX_BATCH:
            raise LimitError(self._name(), f"{size} bytes, at most {MAX_BATCH}")
        self._pending.clear()
        self.entries = entries
        self.batch_size = size
        self._left = entries[0].length

    def _take_item(self, rest: memoryview, entries: tuple[ManifestEntry, ...]) -> int:
        taken = rest[: self._left]
        self._hash.update(taken)
        self._left -= len(taken)
        if not self._left:
            number = self.items_verified
            if not hmac.compare_digest(self._hash.digest(), entries[number].sha256):
                raise DigestMismatchError(
                    f"{self._name()}: item {number}: the sealed bytes are not the manifest's"
                )
            self.items_verified += 1
            self._hash = hashlib.sha256()
            if self.items_verified < len(entries):
                self._left = entries[self.items_verified].length
        return len(taken)

    def _take_keyring(self, rest: memoryview) -> None:
        self.keyring_size += len(rest)
        if not self._wants_keyring:
            raise SizeMismatchError(f"{self._name()}: bytes after its last item")
        if self.keyring_size > MAX_KEYRING:
            raise LimitError(self._name(), f"a keyring of more than {MAX_KEYRING} bytes")
        self._hash.update(rest)

    def _name(self) -> str:
        if self.header is None:
            return "batch"
        return f"device {self.header.device} epoch {self.header.epoch} batch {self.header.batch}"
