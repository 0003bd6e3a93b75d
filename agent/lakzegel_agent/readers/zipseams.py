# SPDX-License-Identifier: EUPL-1.2
"""Where the parts of a zip file begin: each member's local header, and the central directory.

Only the directory is read and nothing is unpacked. It may lie: what it says is believed just as far
as it names places inside the file. The layout is PKWARE's APPNOTE, 4.3.
"""

import struct
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

from lakzegel_agent.view import View

MAX_MEMBERS: Final = 2**17  # entries that are looked at; the others stay in one stretch
_END: Final = struct.Struct("<4s4HIIH")  # end of central directory, 4.3.16
_END_MARK: Final = b"PK\x05\x06"
_MAX_COMMENT: Final = 0xFFFF
_END_64_PLACE: Final = struct.Struct("<4sIQI")  # its locator in a zip64 file, 4.3.15
_END_64: Final = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
_ENTRY: Final = struct.Struct("<4s6H3I5H2I")  # one member in the directory, 4.3.12
_ENTRY_MARK: Final = b"PK\x01\x02"
_AHEAD: Final = 128  # bytes of an entry's name that are read with it
_IN_EXTRA: Final = 0xFFFFFFFF  # the number stands in the zip64 extra field instead
_ZIP64: Final = 1
_BEYOND: Final = 2**64 - 1


class NotAZipError(Exception):
    """There is no directory where a zip file has it."""


def is_zip(path: bytes) -> bool:
    """Return whether the file at this path is named as a zip file."""
    return path.lower().endswith(b".zip")


def members_of(view: View) -> "array[int] | None":
    """Return where members and the directory begin, or None where that is no zip file.

    Raises:
        ChangedError: the file became shorter.
    """
    try:
        return zip_seams(view)
    except NotAZipError:
        return None


def zip_seams(view: View) -> "array[int]":
    """Return where members and the directory begin, in order.

    Raises:
        NotAZipError: the end of the file is not that of a zip file.
        ChangedError: the file became shorter.
    """
    start, _ = _directory(view)
    places = (member.at for member in entries(view) if member.at < start)
    return array("Q", sorted((start, *places)))


class Member(NamedTuple):
    """What the directory says of one member; ``at`` is its local header's place."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    at: int


def entries(view: View) -> Iterator[Member]:
    """Yield what the directory says of its first ``MAX_MEMBERS`` members, in its order.

    Raises:
        NotAZipError: the end of the file is not that of a zip file, or an entry is none.
        ChangedError: the file became shorter.
    """
    at, end = _directory(view)
    count = 0
    while at < end and count < MAX_MEMBERS:
        entry = view.read(at, at + _ENTRY.size + _AHEAD)
        if len(entry) < _ENTRY.size or not entry.startswith(_ENTRY_MARK):
            raise NotAZipError
        fields = _ENTRY.unpack_from(entry)
        names = at + _ENTRY.size + fields[10]
        name = entry[_ENTRY.size :][: fields[10]]
        if len(name) < fields[10]:
            name = view.read(at + _ENTRY.size, names)
        at = names + fields[11] + fields[12]
        packed, size, local = fields[8], fields[9], fields[16]
        if _IN_EXTRA in {packed, size, local}:
            extra = view.read(names, names + fields[11])
            packed, size, local = _from_extra(extra, (size, packed, local))
        yield Member(name, fields[3], fields[4], fields[7], packed, size, local)
        count += 1


def _directory(view: View) -> tuple[int, int]:
    """Return where the central directory begins and ends."""
    low = max(view.size - _END.size - _MAX_COMMENT, 0)
    tail = view.read(low, view.size)
    at = tail.rfind(_END_MARK)
    while at >= 0:
        if at + _END.size <= len(tail):
            fields = _END.unpack_from(tail, at)
            if at + _END.size + fields[7] == len(tail):
                return _believed(view, fields[5], fields[6], low + at)
        at = tail.rfind(_END_MARK, 0, at)
    raise NotAZipError


def _believed(view: View, size: int, start: int, limit: int) -> tuple[int, int]:
    """Return the directory's place, from the zip64 record where the short one has no room."""
    if _IN_EXTRA in {size, start}:
        size, start, limit = _from_zip64(view, limit)
    if start + size > limit:
        raise NotAZipError
    return start, start + size


def _from_zip64(view: View, end: int) -> tuple[int, int, int]:
    """Return the directory's size and start, and where it must have ended."""
    locator = view.read(end - _END_64_PLACE.size, end)
    if len(locator) < _END_64_PLACE.size or not locator.startswith(b"PK\x06\x07"):
        raise NotAZipError
    place = _END_64_PLACE.unpack(locator)[2]
    record = view.read(place, place + _END_64.size)
    if len(record) < _END_64.size or not record.startswith(b"PK\x06\x06"):
        raise NotAZipError
    fields = _END_64.unpack(record)
    return fields[8], fields[9], place


def _from_extra(extra: bytes, told: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return packed size, size and place, from the zip64 field those that have no room (4.5.3).

    Beyond any file where a number is not there.
    """
    at, found = 0, b""
    while at + 4 <= len(extra) and not found:
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            found = extra[at + 4 : at + 4 + length]
        at += 4 + length
    numbers = iter(struct.unpack(f"<{len(found) // 8}Q", found[: len(found) // 8 * 8]))
    size, packed, local = (
        next(numbers, _BEYOND) if number == _IN_EXTRA else number for number in told
    )
    return packed, size, local
