# SPDX-License-Identifier: EUPL-1.2
"""The parts of an item's plaintext, its place and its commitment (docs/spec/item.md §2 and §4).

u32be len(core) || core || u32be len(context) || context || u64be len(coded) || coded || zeros
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import MAX_JSON
from lakzegel_core.padding import padded_length

KINDS: Final = ("segment", "capture", "observation")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_sha256: Final = hashlib.sha256


@dataclass(frozen=True, slots=True)
class Place:
    """The one place where an item's bytes mean something: ``index`` in a batch of a device."""

    origin: str
    device: str
    epoch: int
    batch: int
    index: int

    def context(self) -> bytes:
        """The encryption context: sealed bytes open in this place and nowhere else."""
        before = before_index(self.origin, self.device, self.epoch, self.batch)
        return before + b"%d\n" % self.index


def before_index(origin: str, device: str, epoch: int, batch: int) -> bytes:
    """What the encryption contexts of a batch's items begin with."""
    return f"lakzegel.nl/item/v1\n{origin}\n{device}\n{epoch}\n{batch}\n".encode()


def commitment_of(core: bytes, context: bytes) -> bytes:
    """The RFC 6962 root over the two parts; either can later be shown without the other."""
    left, right = _sha256(b"\x00" + core).digest(), _sha256(b"\x00" + context).digest()
    return _sha256(b"\x01" + left + right).digest()


def head_of(core: bytes, context: bytes, coded_size: int) -> bytes:
    """Everything of the plaintext before the coded payload."""
    if len(core) > MAX_JSON or len(context) > MAX_JSON:
        raise LimitError("item", f"core and context hold at most {MAX_JSON} bytes each")
    return b"".join(
        (_U32.pack(len(core)), core, _U32.pack(len(context)), context, _U64.pack(coded_size))
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """A plaintext taken apart; ``coded`` is a view of it, not a copy."""

    core: bytes
    context: bytes
    coded: memoryview


def split_plaintext(plaintext: bytes, *, what: str) -> Parts:
    """The parts of a plaintext whose padding is exactly what it must be.

    Raises:
        LimitError: a part beyond its limit.
        FormatError: lengths that do not fit, padding of another length or not of zeros.
    """
    reader = _Reader(plaintext, what)
    core = bytes(reader.part(_U32, MAX_JSON))
    context = bytes(reader.part(_U32, MAX_JSON))
    coded = reader.part(_U64, len(plaintext))
    if padded_length(reader.position) != len(plaintext):
        raise FormatError(what, "the padding is not as long as it must be")
    if plaintext.count(0, reader.position) != len(plaintext) - reader.position:
        raise FormatError(what, "the padding is not of zeros")
    return Parts(core, context, coded)


class _Reader:
    """Takes length-prefixed parts off the front of a plaintext."""

    def __init__(self, plaintext: bytes, what: str) -> None:
        self._view = memoryview(plaintext)
        self._what = what
        self.position = 0

    def part(self, prefix: struct.Struct, limit: int) -> memoryview:
        start = self.position + prefix.size
        if start > len(self._view):
            raise FormatError(self._what, "the plaintext ends too early")
        (length,) = prefix.unpack_from(self._view, self.position)
        if length > limit:
            raise LimitError(self._what, f"a part of {length} bytes, at most {limit}")
        if start + length > len(self._view):
            raise FormatError(self._what, "a part is longer than the plaintext")
        self.position = start + length
        return self._view[start : self.position]
