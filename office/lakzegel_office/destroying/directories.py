# SPDX-License-Identifier: EUPL-1.2
"""What the directory of an archive tells of members that go: docs/spec/disposal.md §4.1.

PKWARE's APPNOTE, 4.3.12: an entry a member, with its name, its sizes, the CRC-32 of what it gives
unpacked, and where its local header is. The CRC of a text of which all is known but one message
confirms every guess of that message. An entry of which something went before has blanks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lakzegel_office.extracts import Range

_ENTRY: Final = struct.Struct("<4s6H3I5H2I")
_MARK: Final = b"PK\x01\x02"
_CRC: Final = (16, 20)  # of an entry
_SIZES: Final = ((20, 24), (24, 28))  # packed, unpacked
_IN_EXTRA: Final = 0xFFFFFFFF  # the number stands in the zip64 extra field instead
_ZIP64: Final = 1
_TIMES: Final = frozenset({0x000A, 0x5455})  # extra fields that tell nothing of what is in it


@dataclass(frozen=True, slots=True)
class Span:
    """Where a member lies in its archive; whether anything of it stays."""

    start: int
    end: int
    stays: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry: its bytes, where its member begins, and which of them tell of what is in that."""

    whole: Range
    at: int
    checks: tuple[Range, ...]


def telling(directory: bytes, spans: Iterable[Span]) -> Iterator[Range]:
    """Yield the bytes that tell of these members: all of an entry, or what checks its content."""
    known = sorted(spans, key=lambda span: span.start)
    for entry in _entries(directory):
        for span in known:
            if span.start <= entry.at < span.end:
                yield from entry.checks if span.stays else (entry.whole,)


def _entries(data: bytes) -> Iterator[_Entry]:
    at = data.find(_MARK)
    while at >= 0 and at + _ENTRY.size <= len(data):
        fields = _ENTRY.unpack_from(data, at)
        names = at + _ENTRY.size + fields[10]
        extras = names + fields[11]
        end = min(extras + fields[12], len(data))
        far = fields[16] == _IN_EXTRA
        place, checks = fields[16], [(at + _CRC[0], at + _CRC[1])]
        sizes = (fields[9], fields[8])  # as the zip64 field has them
        checks += [
            (at + low, at + high)
            for (low, high), size in zip(_SIZES, reversed(sizes), strict=True)
            if size != _IN_EXTRA
        ]
        for kind, start, stop in _extras(data, names, min(extras, len(data))):
            if kind == _ZIP64:
                told = 8 * sum(size == _IN_EXTRA for size in sizes)
                checks.append((start, min(start + told, stop)))
                if far and start + told + 8 <= stop:
                    (place,) = struct.unpack_from("<Q", data, start + told)
            elif kind not in _TIMES:
                checks.append((start, stop))
        yield _Entry((at, end), place, tuple(checks))
        at = data.find(_MARK, end)


def _extras(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield each extra field: its kind, where its value begins and ends."""
    while at + 4 <= end:
        kind, length = struct.unpack_from("<2H", data, at)
        yield kind, at + 4, min(at + 4 + length, end)
        at += 4 + length
