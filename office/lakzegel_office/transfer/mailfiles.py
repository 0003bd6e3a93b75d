# SPDX-License-Identifier: EUPL-1.2
"""A mail as one `.eml`, and as one of an mbox, both in pieces: docs/spec/transfer.md §2, §7.

From - Mon Mar 11 08:02:10 2024      an mbox's separator; not the mail's
>From the beginning                  in an mbox; `From the beginning` in the mail
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_office.collection.parsers.mail import SEPARATOR
from lakzegel_office.transfer.safenames import ending_of

_LONGEST: Final = 1 << 16  # bytes of a line that are looked at; what matters is at its begin
_EMLX: Final = re.compile(rb"[ \t]{0,16}([0-9]{1,15})[ \t]{0,16}\r?\n")
_QUOTED: Final = re.compile(rb">+From ")
_FROM: Final = re.compile(rb">*From ")
_STORED: Final = {"mbox": ".mbox", "emlx": ".emlx", "maildir": ".eml", "eml": ".eml"}
UNBOXED: Final = "zonder de scheidingsregel van de mbox; >From hersteld tot From"
UNWRAPPED: Final = "zonder de lengteregel en de eigenschappen van Apple Mail"

Pieces = Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class MailFile:
    """Where one mail lies, in a file of some kind."""

    reader: str
    pieces: Pieces

    def is_itself(self) -> bool:
        """Whether the bytes as captured are the mail and nothing else."""
        first = next(self.pieces(), b"")
        return not SEPARATOR.match(first) and not (self.reader == "emlx" and _EMLX.match(first))

    @property
    def how(self) -> str:
        """How the mail alone is made of it."""
        return UNWRAPPED if self.reader == "emlx" else UNBOXED


def stored_as(reader: str, name: str) -> str:
    """Return the ending of a file as its source stores it."""
    return _STORED.get(reader) or ending_of(name)


def mail_pieces(mail: MailFile) -> Iterator[bytes]:
    """Yield the mail alone."""
    return _unwrapped(mail.pieces()) if mail.reader == "emlx" else _unboxed(mail.pieces())


def boxed(pieces: Iterator[bytes], at: datetime | None) -> Iterator[bytes]:
    """Yield a mail as one of an mbox (mboxrd): the separator, quoted, an empty line behind it."""
    moment = (at or datetime(1970, 1, 1, tzinfo=UTC)).astimezone(UTC)
    yield b"From lakzegel " + moment.strftime("%a %b %d %H:%M:%S %Y").encode() + b"\n"
    last = b"\n"
    for line in _lines(pieces):
        if last.endswith(b"\n") and _FROM.match(line):
            yield b">"
        yield line
        last = line
    yield b"\n" if last.endswith(b"\n") else b"\n\n"


def _unboxed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    last = b"\n"
    first = True
    for line in _lines(pieces):
        separator = SEPARATOR.match(line) if first else None
        first = False
        if separator is not None:
            yield line[separator.end() :]
            continue
        yield line[1:] if last.endswith(b"\n") and _QUOTED.match(line) else line
        last = line


def _unwrapped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = -1
    for piece in pieces:
        data = piece
        if left < 0:
            begin = _EMLX.match(piece)
            if begin is None:
                yield from (piece, *pieces)
                return
            left = int(begin[1])
            data = piece[begin.end() :]
        yield data[:left]
        left -= min(left, len(data))


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; a longer one in several, each of at least `_LONGEST` bytes."""
    rest = b""
    for piece in pieces:
        for number in range(0, len(piece), _LONGEST):
            lines = (rest + piece[number : number + _LONGEST]).splitlines(keepends=True)
            rest = b""
            if lines and not lines[-1].endswith(b"\n") and len(lines[-1]) < _LONGEST:
                rest = lines.pop()
            yield from lines
    if rest:
        yield rest
