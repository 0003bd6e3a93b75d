# SPDX-License-Identifier: EUPL-1.2
"""One member of an archive, as a device cuts it: from its local header to the next.

Layout: PKWARE's APPNOTE, 4.3.7. Sizes in it are believed only as far as the bytes go; what is
deflated is unpacked up to a limit and never further.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

MAX_UNPACKED: Final = 64 << 20  # bytes
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_MARK: Final = b"PK\x03\x04"
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 1
_AFTER: Final = 8  # flag: sizes stand behind the data
_IN_EXTRA: Final = 0xFFFFFFFF  # the size stands in the zip64 extra field instead
_ZIP64: Final = 1
_TRAILER: Final = b"PK\x07\x08"  # of a data descriptor, where it has a mark: 4.3.9
_TRAILERS: Final = (struct.Struct("<3I"), struct.Struct("<I2Q"))
_MADE: Final = 0  # version needed: no program writes that; an archive's own members say 10 or more


@dataclass(frozen=True, slots=True)
class Member:
    """A member's name and its bytes; None where they cannot be had."""

    name: str
    data: bytes | None
    made: bool = False  # by `packed`, of what was left of one


@dataclass(frozen=True, slots=True)
class Whole:
    """A member of which every byte is known: header, what it gives unpacked, nothing else."""

    raw_name: bytes
    data: bytes
    made: bool = False  # by `packed`, of what was left of one

    @property
    def name(self) -> str:
        """Its name as text."""
        return self.raw_name.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Local:
    """What a local header says, and what stands behind it."""

    version: int
    flags: int
    method: int
    size: int  # packed, as it is said
    name: bytes
    body: bytes


def member_of(data: bytes, limit: int = MAX_UNPACKED) -> Member | None:
    """Return the member that these bytes begin with, None where they begin with none."""
    local = _local_of(data)
    if local is None:
        return None
    name = local.name.decode("utf-8", "replace")
    if local.flags & _ENCRYPTED:
        return Member(name, None)
    if local.method == _DEFLATED:
        return Member(name, _inflated(local.body, limit))
    if local.method == _STORED and not local.flags & _AFTER:
        return Member(name, local.body[: local.size][:limit], local.version == _MADE)
    return Member(name, None)


def whole_member(data: bytes) -> Whole | None:
    """Return the member that these bytes are, None where they hold anything beside it.

    What has to be unpacked beyond the limit is not known whole, nor is what is cut off.
    """
    local = _local_of(data)
    if local is None or local.flags & _ENCRYPTED:
        return None
    inside = None
    if local.method == _DEFLATED:
        inside = _inflated_whole(local)
    elif local.method == _STORED:
        inside = _stored_whole(local)
    return None if inside is None else Whole(local.name, inside, local.version == _MADE)


def packed(name: bytes, data: bytes, *, but: int) -> bytes:
    """Return a stored member of these bytes, of any length but that: with nothing that checks it.

    Neither time nor CRC: those would tell of what was in it before.
    """
    extra = b""
    if _LOCAL.size + len(name) + len(data) == but:
        extra = struct.pack("<2H", 0xFFFF, 0)
    sizes = (len(data), len(data), len(name), len(extra))
    return _LOCAL.pack(_MARK, _MADE, 0, _STORED, 0, 0, 0, *sizes) + name + extra + data


def _local_of(data: bytes) -> _Local | None:
    if len(data) < _LOCAL.size or not data.startswith(_MARK):
        return None
    _, version, flags, method, _, _, _, size, _, named, more = _LOCAL.unpack_from(data)
    names = _LOCAL.size + named
    extra = data[names : names + more]
    if size == _IN_EXTRA:
        size = _from_extra(extra)
    return _Local(version, flags, method, size, data[_LOCAL.size : names], data[names + more :])


def _from_extra(extra: bytes) -> int:
    """Return the packed size of the zip64 field (4.5.3); beyond any file where there is none."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64 and length >= 16 and at + 20 <= len(extra):  # noqa: PLR2004  # two sizes
            return int(struct.unpack_from("<Q", extra, at + 12)[0])
        at += 4 + length
    return _IN_EXTRA


def _inflated(data: bytes, limit: int) -> bytes | None:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit)
    except zlib.error:
        return None


def _inflated_whole(local: _Local) -> bytes | None:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = engine.decompress(local.body, MAX_UNPACKED + 1)
    except zlib.error:
        return None
    if not engine.eof or len(data) > MAX_UNPACKED:
        return None
    tail = engine.unused_data
    length = len(local.body) - len(tail)
    return data if not tail or _is_trailer(local, tail, data, length) else None


def _stored_whole(local: _Local) -> bytes | None:
    if local.flags & _AFTER:
        for shape in _TRAILERS:
            for mark in (b"", _TRAILER):
                length = len(local.body) - shape.size - len(mark)
                data = local.body[: max(length, 0)]
                if length >= 0 and _is_trailer(local, local.body[length:], data, length):
                    return data if len(data) <= MAX_UNPACKED else None
        return None
    return local.body if local.size == len(local.body) <= MAX_UNPACKED else None


def _is_trailer(local: _Local, tail: bytes, data: bytes, length: int) -> bool:
    """Whether this is just the CRC and the sizes of what stands before it."""
    said = (zlib.crc32(data), length, len(data))
    plain = tail.removeprefix(_TRAILER) if len(tail) % 8 == 0 else tail  # 16 or 24 bytes: marked
    made = [shape.pack(*said) for shape in _TRAILERS]
    return bool(local.flags & _AFTER) and plain in made
