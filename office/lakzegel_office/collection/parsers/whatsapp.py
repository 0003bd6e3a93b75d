# SPDX-License-Identifier: EUPL-1.2
"""Text exports of WhatsApp, in whichever language and layout of date.

    12-03-2024 09:15 - Jan: tekst             Android, Dutch
    en nog een regel                          still Jan's
    3/12/24, 9:15 AM - Jan: text              Android, American
    [12-03-2024 09:15:22] Jan: tekst          iPhone
    12-03-2024 09:16 - Jan heeft u toegevoegd  nobody's: the chat's own

The first line tells which of these a stretch speaks; a line in another one is text that somebody
pasted. docs/spec/collection.md §5.2
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from lakzegel_office.collection.model import Party, UnitKind
from lakzegel_office.collection.parsers import times
from lakzegel_office.collection.parsers.lines import media_of
from lakzegel_office.collection.pieces import Head, Piece, Raw

APP: Final = "whatsapp"
MAX_TEXT: Final = 1 << 20  # characters of one message
MAX_MESSAGES: Final = 1_000_000
_MARKS: Final = rb"(?:\xe2\x80\x8e|\xe2\x80\x8f|\xef\xbb\xbf){0,4}"
_SPACE: Final = rb"(?:[ ]|\xc2\xa0|\xe2\x80\xaf)"
_HALF: Final = _SPACE + rb"?[AaPp]\.?" + _SPACE + rb"?[Mm]\.?"
_FIRST: Final = re.compile(
    _MARKS
    + rb"(?P<open>\[?)(?P<date>[0-9]{1,4}(?P<sep>[-/.])[0-9]{1,2}(?P=sep)[0-9]{2,4})(?P<comma>,?) "
    + rb"(?P<clock>[0-9]{1,2}(?P<colon>[:.])[0-9]{2}(?P<seconds>(?P=colon)[0-9]{2})?"
    + rb"(?P<half>" + _HALF + rb")?)(?P<close>\] | - )"
)  # fmt: skip
_CENTURY: Final = 2000
_YEAR_DIGITS: Final = 4
_MONTHS: Final = 12
_NOON: Final = 12
_INVISIBLE: Final = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_STRIPPED: Final = str.maketrans("", "", _INVISIBLE)
_OWN: Final = str.maketrans("", "", "\u200e\u200f\ufeff")  # what WhatsApp itself writes into texts
_NUMBER: Final = re.compile("\u202a([~+\\d][\\d\xa0 ()-]{2,30})\u202c")  # as it writes one
MAX_FILES: Final = 1_000  # of one message
_BESIDE: Final = re.compile(
    r"\A(?P<name>[^\n]{1,255}?) \((?:bestand bijgevoegd|file attached|Datei angehängt)\)"
)
_WITHIN: Final = re.compile(r"<(?:bijgevoegd|attached|Anhang): (?P<name>[^>\n]{1,255})>")
_OMITTED: Final = re.compile(
    r"(?:<(?:Media weggelaten|Media omitted|Medien ausgeschlossen)>"
    r"|\u200e(?:\w+ ){1,3}(?:weggelaten|omitted|weggelassen))"
)
_TITLES: Final = re.compile(
    r"(?i)\AWhatsApp[- ]chat(?: met| with| mit| -)? ?(?P<title>.+?)(?: \(\d{1,3}\))?\Z"
)
_CHAT: Final = "_chat"  # how an iPhone calls the text in its zip


def parse_text(path: bytes, data: bytes) -> Piece:
    """Return the messages of a stretch of a chat's text."""
    first = _FIRST.match(data, len(data) - len(data.lstrip(b"\n")))  # an extract may begin empty
    if first is None or bool(first["open"]) != first["close"].startswith(b"]"):
        return Piece()
    layout = re.compile(rb"(?m)^" + _layout(first))
    starts = [(found.start(), found) for found in layout.finditer(data)][:MAX_MESSAGES]
    ends = [start for start, _ in starts[1:]] + [len(data)]
    units = (_message(data, found, end) for (_, found), end in zip(starts, ends, strict=True))
    return Piece(tuple(units), (Head(0, APP, "", title_of(path)),))


def title_of(path: bytes) -> str:
    """Return whom a chat is with, by the name of its file, or of the archive or folder it is in."""
    names = path.decode("utf-8", "replace").split("/")
    for name in reversed(names):
        stem = re.sub(r"(?i)\.(?:txt|zip)\Z", "", name)
        if stem != _CHAT:
            found = _TITLES.match(stem)
            return (found["title"] if found else stem).translate(_STRIPPED).strip()[:512]
    return ""


def _layout(first: re.Match[bytes]) -> bytes:
    """Return what begins a message in the layout of the first one."""
    separator = re.escape(first["sep"])
    shapes = (
        rb"[0-9]{4}" if len(number) == _YEAR_DIGITS else rb"[0-9]{1,2}"
        for number in first["date"].split(first["sep"])
    )
    comma = b",?" if first["open"] else first["comma"]  # iPhones mix them, in one file
    colon = re.escape(first["colon"])
    clock = (
        rb"[0-9]{1,2}" + colon + rb"[0-9]{2}" + (colon + rb"[0-9]{2}" if first["seconds"] else b"")
    )
    return (
        _MARKS + re.escape(first["open"]) + rb"(?P<date>" + separator.join(shapes) + rb")"
        + comma + rb" (?P<clock>" + clock + (_HALF if first["half"] else b"") + rb")"
        + re.escape(first["close"])
    )  # fmt: skip


def _message(data: bytes, head: re.Match[bytes], end: int) -> Raw:
    text = data[head.end() : min(end, head.end() + 4 * MAX_TEXT)].decode("utf-8", "replace")
    line = text.rstrip("\r\n")[:MAX_TEXT]
    name, colon, said = line.partition(": ")
    if not colon and line.endswith(":"):
        name, colon, said = line[:-1], ":", ""
    written = f"{head['date'].decode()} {head['clock'].decode()}"
    at = _moment(head["date"].decode(), head["clock"].decode())
    if not colon or "\n" in name:
        key = ("line", written, line)
        return Raw(UnitKind.SYSTEM, head.start(), end - head.start(), key, at=at,
                   at_text=written, text=_plain(line))  # fmt: skip
    files = tuple(islice(_files(said), MAX_FILES))
    own = said.startswith("\u200e") and not files and not _OMITTED.match(said)
    return Raw(
        UnitKind.SYSTEM if own else UnitKind.MESSAGE,
        head.start(),
        end - head.start(),
        ("line", written, said),
        at=at,
        at_text=written,
        sender=_person(name),
        text=_plain(said),
        attachments=media_of([(file, "") for file in files]),
        media=files,
        fields={"media": "left out"} if _OMITTED.search(said) else {},
    )


def _plain(text: str) -> str:
    """Return a text without what WhatsApp adds; what else turns its direction is a person's."""
    return _NUMBER.sub(r"\1", text.translate(_OWN))


def _person(name: str) -> Party:
    """Return a sender: an address book's name, or a number."""
    plain = _plain(name).replace("\xa0", " ").strip().removeprefix("~").strip()[:512]
    digits = re.sub(r"[\s()-]", "", plain)
    return Party(f"tel:{digits}" if re.fullmatch(r"\+\d{6,15}", digits) else "", plain)


def _files(said: str) -> Iterator[str]:
    plain = _plain(said)
    beside = _BESIDE.match(plain)
    if beside:
        yield beside["name"].strip()
    for found in _WITHIN.finditer(plain):
        yield found["name"].strip()


def _moment(date: str, clock: str) -> int | None:
    numbers = [int(number) for number in re.split(r"[-/.]", date)]
    hour, minute, *second = (int(number) for number in re.findall(r"\d+", clock))
    half = re.search(r"[AaPp]", clock)
    if half:
        hour = hour % _NOON + (_NOON if half[0] in "Pp" else 0)
    year, month, day = _ordered(numbers, date, american=bool(half))
    return times.of_local(year, month, day, (hour, minute, second[0] if second else 0))


def _ordered(numbers: list[int], date: str, *, american: bool) -> tuple[int, int, int]:
    """Return year, month and day: by what cannot be a month, else as such a layout has it."""
    one, two, three = numbers
    if len(date.split(date[_YEAR_DIGITS], maxsplit=1)[0]) == _YEAR_DIGITS and one > _MONTHS + 19:
        return one, two, three
    year = three if three >= 100 else three + _CENTURY  # noqa: PLR2004
    short = "/" in date and three < 100  # noqa: PLR2004  # 3/12/24: as Americans write it
    if two > _MONTHS or ((american or short) and "/" in date and one <= _MONTHS):
        return year, one, two
    return year, two, one
