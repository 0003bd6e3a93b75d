# SPDX-License-Identifier: EUPL-1.2
"""A batch's manifest: what each sealed item measures, hashes to and commits to.

    entry = u64be ciphertext length || SHA-256(ciphertext) || commitment      72 bytes
    contents = RFC 6962 root over the entries

docs/spec/batch.md §3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lakzegel_core.cobblestone import opened_length
from lakzegel_core.errors import DecryptError, FormatError, LimitError, SizeMismatchError
from lakzegel_core.limits import DIGEST, MAX_ITEM
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.padding import MIN_PLAINTEXT, padme

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAYOUT: Final = struct.Struct(f">Q{DIGEST}s{DIGEST}s")
ENTRY_SIZE: Final = _LAYOUT.size


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One item of a batch: ``length`` of its ciphertext in bytes, two digests of 32 bytes."""

    length: int
    sha256: bytes
    commitment: bytes

    def to_bytes(self) -> bytes:
        """The 72 bytes of this entry."""
        return _LAYOUT.pack(self.length, self.sha256, self.commitment)


def parse_manifest(data: bytes, items: int) -> tuple[ManifestEntry, ...]:
    """The entries of a manifest of ``items`` items.

    Raises:
        SizeMismatchError: not 72 bytes an item.
        LimitError: an item beyond the limit.
        FormatError: a length that no sealed item has.
    """
    if len(data) != items * ENTRY_SIZE:
        raise SizeMismatchError(f"manifest: {len(data)} bytes for {items} items")
    entries = tuple(ManifestEntry(*fields) for fields in _LAYOUT.iter_unpack(data))
    for index, entry in enumerate(entries):
        check_length(index, entry.length)
    return entries


def check_length(index: int, length: int) -> None:
    """Refuse a ciphertext length that no item of this specification has.

    Raises:
        LimitError: beyond the limit of an item.
        FormatError: not a padded plaintext's.
    """
    if length > MAX_ITEM:
        raise LimitError(f"item {index}", f"{length} bytes, at most {MAX_ITEM}")
    try:
        plain = opened_length(length)
    except DecryptError:
        plain = 0
    if plain < MIN_PLAINTEXT or padme(plain) != plain:
        raise FormatError(f"item {index}", f"no sealed item has {length} bytes")


def contents_root(entries: Sequence[ManifestEntry]) -> bytes:
    """The root that a header commits to."""
    return root_of([leaf_hash(entry.to_bytes()) for entry in entries])
