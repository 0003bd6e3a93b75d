# SPDX-License-Identifier: EUPL-1.2
"""A batch file read at random: where each sealed item lies (docs/spec/batch.md §1)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from lakzegel_core.batchheader import Header, peek_header, split_header
from lakzegel_core.errors import DigestMismatchError, FormatError, SizeMismatchError
from lakzegel_core.item import Item, Place, open_item
from lakzegel_core.limits import MAX_HEADER
from lakzegel_core.manifest import ENTRY_SIZE, ManifestEntry, contents_root, parse_manifest

ReadAt = Callable[[int, int], bytes]
"""``read(offset, size)``: up to ``size`` bytes from ``offset``, fewer only at the file's end."""


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A batch file whose manifest is the one that its header commits to.

    The header's signature is **not** verified here: compare ``header_bytes`` with a log entry, or
    open them with the device's key.
    """

    header: Header
    header_bytes: bytes
    entries: tuple[ManifestEntry, ...]
    offsets: tuple[int, ...]
    read: ReadAt

    def place(self, index: int) -> Place:
        """Where item ``index`` belongs."""
        header = self.header
        return Place(header.origin, header.device, header.epoch, header.batch, index)

    def ciphertext(self, index: int) -> bytes:
        """The sealed bytes of item ``index``, not yet compared with its digest."""
        return self.read(self.offsets[index], self.entries[index].length)

    def item(self, index: int, key: bytes) -> Item:
        """Item ``index``, everything about it checked.

        Raises:
            LakzegelError: it is not what the header commits to.
        """
        return open_item(
            self.ciphertext(index), key=key, place=self.place(index), entry=self.entries[index]
        )


def open_batch_file(read: ReadAt, *, size: int) -> BatchFile:
    """The batch file of ``size`` bytes behind ``read``.

    Raises:
        FormatError: no header, or not the one encoding.
        DigestMismatchError: another manifest than the header's.
        SizeMismatchError: another size than the manifest's.
    """
    header_bytes = split_header(read(0, MAX_HEADER))
    if header_bytes is None:
        raise FormatError("batch", "ends within its header")
    header = peek_header(header_bytes)
    what = f"device {header.device} epoch {header.epoch} batch {header.batch}"
    start = len(header_bytes)
    entries = parse_manifest(read(start, header.items * ENTRY_SIZE), header.items)
    if not hmac.compare_digest(contents_root(entries), header.contents):
        raise DigestMismatchError(f"{what}: the manifest is not the header's")
    first = start + header.items * ENTRY_SIZE
    offsets = tuple(accumulate((entry.length for entry in entries), initial=first))
    if offsets[-1] != size:
        raise SizeMismatchError(f"{what}: {size} bytes where the manifest has {offsets[-1]}")
    return BatchFile(header, header_bytes, entries, offsets[:-1], read)
