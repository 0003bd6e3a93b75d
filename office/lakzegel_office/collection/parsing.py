# SPDX-License-Identifier: EUPL-1.2
"""Which parser a segment goes to, and what holds of all: it does not raise, no byte is left out.

docs/spec/collection.md §5. A segment that no parser takes is a piece without units: a part of a
file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.collection.parsers import mail, telegram, whatsapp
from lakzegel_office.collection.parsers.lines import parse_lines
from lakzegel_office.collection.parsers.linestores import STORES, store_of
from lakzegel_office.collection.parsers.social import parse_social
from lakzegel_office.collection.parsers.zips import member_of, whole_member
from lakzegel_office.collection.pieces import Piece, Raw

MAX_PARSED: Final = 64 << 20  # bytes of one stretch that are looked at
CUT: Final = 16 << 20  # bytes at which a device cuts a longer stretch (docs/spec/sources.md §1)
_LOOK: Final = 1 << 16  # bytes by which a member of an archive shows that it has messages
_WORD: Final = re.compile(rb"[0-9A-Za-z\x80-\xff]")
_LINES: Final = re.compile(rb"(?s).*\.conversations/[^/]+\.jsonl\Z")
_MAIL_FOLDERS: Final = frozenset({b"new", b"cur"})
_PHONES: Final = frozenset({"ios-backup", "android-backup"})

Parser = Callable[[bytes, bytes], Piece]  # path, bytes


def _maildir(path: bytes, data: bytes) -> Piece:
    parts = path.split(b"/")
    inside = len(parts) > 1 and parts[-2] in _MAIL_FOLDERS
    return mail.parse_file(data) if inside else Piece()


def _eml(path: bytes, data: bytes) -> Piece:
    return mail.parse_file(data) if path.lower().endswith((b".eml", b".mime")) else Piece()


def _mbox(path: bytes, data: bytes) -> Piece:
    del path
    return mail.parse_mbox(data)


def _emlx(path: bytes, data: bytes) -> Piece:
    return mail.parse_emlx(data) if path.lower().endswith(b".emlx") else Piece()


def _whatsapp(path: bytes, data: bytes) -> Piece:
    return whatsapp.parse_text(path, data) if path.lower().endswith(b".txt") else Piece()


def _lines(path: bytes, data: bytes) -> Piece:
    return parse_lines(data, store_of(data)) if _LINES.match(path) else Piece()


_PLAIN: Final[Mapping[str, Parser]] = {
    "maildir": _maildir,
    "eml": _eml,
    "mbox": _mbox,
    "emlx": _emlx,
    "whatsapp-export": _whatsapp,
    "telegram-export": telegram.parse_result,
    "social-export": parse_social,
    **dict.fromkeys((*STORES, *_PHONES), _lines),
}
_ARCHIVES: Final = frozenset({"whatsapp-export", "social-export", "threema-backup"})


def parses(reader: str, path: bytes) -> bool:
    """Whether such a file is looked into."""
    if reader in _PHONES or reader in STORES:
        return _LINES.match(path) is not None
    return reader in _PLAIN or reader in _ARCHIVES


def parse(reader: str, path: bytes, data: bytes) -> Piece:
    """Return what a stretch of a file says; nothing at all where that cannot be told."""
    if not data or not parses(reader, path):
        return Piece()
    try:
        if reader in _ARCHIVES and path.lower().endswith(b".zip"):
            return _member(reader, path, data)
        return covering(_PLAIN[reader](path, data[:MAX_PARSED]), data)
    except Exception:  # noqa: BLE001 - hostile bytes; a fault of a parser makes it a file
        return Piece()


def _member(reader: str, path: bytes, data: bytes) -> Piece:
    """Return what a member of an archive says.

    Where all of it can be unpacked its units lie in that, else each lies in all of these bytes.
    """
    member = member_of(data, _LOOK)
    if member is None:
        return Piece(directory=True)
    parser = _PLAIN.get(reader)
    inside = inside_of(path, member.name)
    if parser is None or not member.data:
        return Piece(name=member.name)
    if not member.made and not _is_told(parser(inside, member.data)):
        return Piece(name=member.name)
    whole = whole_member(data)
    if whole is not None:
        piece = covering(parser(inside, whole.data), whole.data)
        return replace(piece, name=member.name, packed=True)
    some = member_of(data, MAX_PARSED)
    piece = parser(inside, some.data or b"") if some is not None else Piece()
    units = tuple(replace(unit, start=0, length=len(data)) for unit in piece.units)
    heads = tuple(replace(head, start=0) for head in piece.heads)
    return Piece(units, heads[:1], member.name)


def inside_of(path: bytes, name: str) -> bytes:
    """Return by which path a member of an archive is looked into."""
    return path + b"/" + name.encode("utf-8", "replace")


def _is_told(piece: Piece) -> bool:
    return bool(piece.units or piece.heads)


def covering(piece: Piece, data: bytes) -> Piece:
    """Return the piece with every byte in a unit: gaps with words in them are units of their own.

    Other gaps (commas, brackets, white space) go with the unit before them, or the one after.
    """
    if not piece.units and not piece.heads:
        return piece
    units: list[Raw] = []
    seams = [head.start for head in piece.heads]
    end = 0
    for unit in sorted(piece.units, key=lambda unit: unit.start):
        moved = _fill(units, data, end, unit.start, seams)
        units.append(replace(unit, start=moved, length=unit.length + unit.start - moved))
        end = max(end, unit.start + unit.length)
    _fill(units, data, end, len(data), seams)
    return replace(piece, units=tuple(units))


def _fill(units: list[Raw], data: bytes, start: int, end: int, seams: list[int]) -> int:
    """Give a gap to somebody, cut where heads lie in it; return where what follows begins."""
    waiting = start
    for low, high in _split(start, end, seams):
        if _WORD.search(data, low, high):
            units.append(_gap(data, waiting, high))
        elif units:
            units[-1] = replace(units[-1], length=high - units[-1].start)
        else:
            continue  # goes with what follows
        waiting = high
    return waiting


def _split(start: int, end: int, seams: list[int]) -> Iterator[tuple[int, int]]:
    for seam in seams:
        if start < seam < end:
            yield start, seam
            start = seam
    if start < end:
        yield start, end


def _gap(data: bytes, start: int, end: int) -> Raw:
    """Return what lies between units: what an export says of the conversation itself.

    Lines that are empty do not make it another: an extract has them for what went beside it.
    """
    digest = hashlib.sha256(data[start:end].strip(b"\n")).hexdigest()
    text = data[start : min(end, start + 4096)].decode("utf-8", "replace")
    return Raw(UnitKind.SYSTEM, start, end - start, ("gap", digest), text=text)
