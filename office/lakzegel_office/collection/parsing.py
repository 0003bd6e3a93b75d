# SPDX-License-Identifier: EUPL-1.2
"""Which parser a segment goes to, and what holds of all: it does not raise, no byte is left out.

docs/spec/collection.md §5. A segment that no parser takes is a piece without units: a part of a
file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.collection.parsers import mail
from lakzegel_office.collection.pieces import Piece, Raw

MAX_PARSED: Final = 64 << 20  # bytes of one stretch that are looked at
CUT: Final = 16 << 20  # bytes at which a device cuts a longer stretch (docs/spec/sources.md §1)
_WORD: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]")

Parser = Callable[[bytes, bytes], Piece]  # path, bytes


def _mail_file(path: bytes, data: bytes) -> Piece:
    return mail.parse_file(data) if _in_mail_folder(path) else Piece()


def _eml(path: bytes, data: bytes) -> Piece:
    return mail.parse_file(data) if path.lower().endswith((b".eml", b".mime")) else Piece()


def _mbox(path: bytes, data: bytes) -> Piece:
    del path
    return mail.parse_mbox(data)


def _emlx(path: bytes, data: bytes) -> Piece:
    return mail.parse_emlx(data) if path.lower().endswith(b".emlx") else Piece()


PARSERS: Final[Mapping[str, Parser]] = {
    "maildir": _mail_file,
    "eml": _eml,
    "mbox": _mbox,
    "emlx": _emlx,
}


def parses(reader: str) -> bool:
    """Whether files of this kind are looked into."""
    return reader in PARSERS


def parse(reader: str, path: bytes, data: bytes) -> Piece:
    """Return what a stretch of a file says; nothing at all where that cannot be told."""
    parser = PARSERS.get(reader)
    if parser is None or not data:
        return Piece()
    try:
        piece = parser(path, data[:MAX_PARSED])
    except Exception:  # noqa: BLE001 - hostile bytes; a fault of a parser makes it a file
        return Piece()
    return covering(piece, data)


def covering(piece: Piece, data: bytes) -> Piece:
    """Return the piece with every byte in a unit: gaps with words in them are units of their own.

    Other gaps (commas, brackets, white space) go with the unit before them, or the one after.
    """
    if not piece.units:
        return piece
    units: list[Raw] = []
    end = 0
    for unit in sorted(piece.units, key=lambda unit: unit.start):
        moved = _fill(units, data, end, unit.start)
        units.append(replace(unit, start=moved, length=unit.length + unit.start - moved))
        end = max(end, unit.start + unit.length)
    _fill(units, data, end, len(data))
    return replace(piece, units=tuple(units))


def _fill(units: list[Raw], data: bytes, start: int, end: int) -> int:
    """Give a gap to somebody; return where the unit behind it begins."""
    if start >= end:
        return end
    if _WORD.search(data, start, end):
        units.append(_gap(data, start, end))
    elif units:
        units[-1] = replace(units[-1], length=end - units[-1].start)
    else:
        return start
    return end


def _gap(data: bytes, start: int, end: int) -> Raw:
    """Return what lies between units: what an export says of the conversation itself."""
    digest = hashlib.sha256(data[start:end]).hexdigest()
    text = data[start : min(end, start + 4096)].decode("utf-8", "replace")
    return Raw(UnitKind.SYSTEM, start, end - start, ("gap", digest), text=text)


def _in_mail_folder(path: bytes) -> bool:
    parts = path.split(b"/")
    return len(parts) > 1 and parts[-2] in {b"new", b"cur"}
