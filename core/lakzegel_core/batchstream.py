# SPDX-License-Identifier: EUPL-1.2
"""Checking "batch file || keyring file" while its bytes come in, in constant memory.

    header note | manifest | item 0 | item 1 | … | keyring
    1. signature  2. contents  3. one SHA-256 each   4. the header's SHA-256

Whatever is wrong is refused in the chunk whose byte shows it (docs/spec/batch.md §5). Held in
memory: the header, the manifest, where each item ends, and the hash of one; never an item.

A batch may have 65,536 items, most of them of some hundred bytes: what is done for each of them
costs as much as to hash it. So there is no object an entry, and items that lie whole in a chunk
are hashed and compared together.
"""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from lakzegel_core.batchheader import Header, batch_id, split_header
from lakzegel_core.errors import (
    DigestMismatchError,
    LimitError,
    SizeMismatchError,
)
from lakzegel_core.limits import MAX_BATCH, MAX_HEADER, MAX_KEYRING
from lakzegel_core.manifest import (
    ENTRY_SIZE,
    manifest_digests,
    manifest_lengths,
    manifest_root,
)

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
        self._left = 0  # bytes of an item of which an earlier chunk had the beginning
        self._ends: list[int] = []  # 0, then where each item ends, counted from the first's start
        self.header: Header | None = None
        self.header_bytes = b""
        self.manifest: bytes | None = None
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
        if self.manifest is None:
            raise SizeMismatchError(f"{self._name()}: ended within its manifest")
        if not self._batch_complete():
            raise SizeMismatchError(f"{self._name()}: ended within item {self.items_verified}")
        if self._wants_keyring and not hmac.compare_digest(
            self._hash.digest(), self.header.keyring
        ):
            raise DigestMismatchError(f"{self._name()}: the keyring is not the header's")
        return self.header

    def _batch_complete(self) -> bool:
        return self.items_verified + 1 == len(self._ends)

    def _take(self, rest: memoryview) -> int:
        """Use some of the bytes for the part of the batch file that is being read."""
        if self.header is None:
            return self._take_header(rest)
        if self.manifest is None:
            return self._take_manifest(rest, self.header)
        if self._left:
            return self._take_part(rest, self.manifest)
        return self._take_items(rest, self.manifest) or self._begin_item(rest)

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
        manifest = bytes(self._pending)
        lengths = manifest_lengths(manifest, header.items)
        if not hmac.compare_digest(manifest_root(manifest), header.contents):
            raise DigestMismatchError(f"{self._name()}: the manifest is not the header's")
        ends = list(accumulate(lengths, initial=0))
        size = len(self.header_bytes) + len(manifest) + ends[-1]
        if size > MAX_BATCH:
            raise LimitError(self._name(), f"{size} bytes, at most {MAX_BATCH}")
        self._pending.clear()
        self._ends = ends
        self.manifest = manifest
        self.batch_size = size

    def _take_items(self, rest: memoryview, manifest: bytes) -> int:
        """Use the items that lie whole in these bytes, which begin with an item."""
        first, sha256 = self.items_verified, hashlib.sha256
        start = self._ends[first]
        after = bisect_right(self._ends, start + len(rest), first) - 1
        found = [
            sha256(rest[begin - start : end - start]).digest()
            for begin, end in pairwise(self._ends[first : after + 1])
        ]
        self._compare(found, manifest)
        return self._ends[after] - start

    def _begin_item(self, rest: memoryview) -> int:
        """Use the beginning of an item that goes on in the next chunk."""
        number = self.items_verified
        self._left = self._ends[number + 1] - self._ends[number] - len(rest)
        self._hash.update(rest)
        return len(rest)

    def _take_part(self, rest: memoryview, manifest: bytes) -> int:
        """Use what comes now of an item that has begun."""
        taken = rest[: self._left]
        self._hash.update(taken)
        self._left -= len(taken)
        if not self._left:
            self._compare([self._hash.digest()], manifest)
            self._hash = hashlib.sha256()
        return len(taken)

    def _compare(self, found: list[bytes], manifest: bytes) -> None:
        """Count the next items as verified, whose SHA-256 are these."""
        start = self.items_verified * ENTRY_SIZE
        wanted = manifest_digests(manifest[start : start + len(found) * ENTRY_SIZE])
        if found != wanted:  # nothing of it is secret
            same = [one == other for one, other in zip(found, wanted, strict=True)]
            self.items_verified += same.index(False)
            raise DigestMismatchError(
                f"{self._name()}: item {self.items_verified}:"
                " the sealed bytes are not the manifest's"
            )
        self.items_verified += len(found)

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
