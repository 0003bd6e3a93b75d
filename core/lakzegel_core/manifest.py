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
    from collections.abc import Iterable, Sequence

_LAYOUT: Final = struct.Struct(f">Q{DIGEST}s{DIGEST}s")
_LENGTH: Final = struct.Struct(f">Q{2 * DIGEST}x")
_SHA256: Final = struct.Struct(f">8x{DIGEST}s{DIGEST}x")
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
    check_lengths(entry.length for entry in entries)
    return entries


def manifest_lengths(data: bytes, items: int) -> list[int]:
    """The ciphertext lengths that a manifest of ``items`` items states, all checked.

    Raises:
        SizeMismatchError, LimitError, FormatError: as ``parse_manifest``.
    """
    if len(data) != items * ENTRY_SIZE:
        raise SizeMismatchError(f"manifest: {len(data)} bytes for {items} items")
    lengths = [length for (length,) in _LENGTH.iter_unpack(data)]
    check_lengths(lengths)
    return lengths


def manifest_digests(data: bytes) -> list[bytes]:
    """The SHA-256 that each of some whole entries states."""
    return [digest for (digest,) in _SHA256.iter_unpack(data)]


def check_lengths(lengths: Iterable[int]) -> None:
    """Refuse the first length that ``check_length`` refuses; Padmé leaves few to look at."""
    known: set[int] = set()
    for index, length in enumerate(lengths):
        if length not in known:
            check_length(index, length)
            known.add(length)


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


def manifest_root(data: bytes) -> bytes:
    """The same root, over the bytes of a whole manifest."""
    starts = range(0, len(data), ENTRY_SIZE)
    return root_of([leaf_hash(data[start : start + ENTRY_SIZE]) for start in starts])
