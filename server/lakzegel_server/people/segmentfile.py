# SPDX-License-Identifier: EUPL-1.2
"""A segment's file: a line with its number and a salt, then its records (people.md §8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.encoding import b64, canonical_json, parse_canonical_json, unb64
from lakzegel_core.errors import FormatError

MAX_RECORDS: Final = 1000
MAX_SEGMENT: Final = 2**23  # bytes: 1,000 records of 4 KiB and more
SALT: Final = 32  # bytes
_MAX_HEAD: Final = 256


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """What a file holds."""

    number: int
    salt: bytes
    lines: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """The file."""
        head = canonical_json({"salt": b64(self.salt), "segment": self.number})
        return b"".join(line + b"\n" for line in (head, *self.lines))


def parse_segment(data: bytes) -> SegmentFile:
    """The segment of a file's bytes; its records are unverified.

    Raises:
        FormatError: it is none.
    """
    head, *lines = data.split(b"\n")
    if not lines or lines.pop() != b"" or not 1 <= len(lines) <= MAX_RECORDS:
        raise FormatError("trail segment", "is not a head and up to 1,000 whole lines")
    stated = parse_canonical_json(head, what="trail segment", max_size=_MAX_HEAD)
    if not isinstance(stated, dict) or set(stated) != {"salt", "segment"}:
        raise FormatError("trail segment", "its first line is no head of a segment")
    number, salt = stated["segment"], stated["salt"]
    if not isinstance(number, int) or not isinstance(salt, str):
        raise FormatError("trail segment", "its head has a field of another type")
    return SegmentFile(number, unb64(salt, what="trail salt", size=SALT), tuple(lines))


def moments(ats: Sequence[str]) -> tuple[str, str]:
    """The earliest and the latest; times of one format compare as text."""
    return min(ats), max(ats)
