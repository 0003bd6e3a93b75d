# SPDX-License-Identifier: EUPL-1.2
"""The header of a hostile mail: decoded, bounded, and never an exception.

`email`'s modern policy parses structured headers by a grammar that costs seconds on long lists and
has crashed on malformed ones; so fields are split here, and only decoded and parsed by the parts
of `email` that take any text. docs/spec/collection.md §5.1
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

from lakzegel_office.collection.model import Party

MAX_HEADER: Final = 1 << 20  # bytes of a mail in which its header must end
MAX_FIELDS: Final = 1_000
MAX_VALUE: Final = 1 << 16  # bytes of one field
MAX_PARTIES: Final = 2_000
MAX_REFERENCES: Final = 200
_END: Final = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_FIELD: Final = re.compile(rb"(?P<name>[!-9;-~]{1,256})[ \t]*:(?P<value>.*)", re.DOTALL)
_FOLD: Final = re.compile(rb"\r?\n(?![ \t])")
_BREAK: Final = re.compile(r"[\r\n]+[ \t]*")
_ID: Final = re.compile(r"<([^<>\s]{1,512})>")
_NO_CHARSETS: Final = frozenset(  # codecs of Python's that no mail is in; two are quadratic
    {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)
_UNKNOWN: Final = "-0000"  # RFC 5322, 3.3
_ROLES: Final = ("from", "to", "cc", "bcc", "reply-to")

Fields = Sequence[tuple[str, str]]


def split_mail(data: bytes) -> tuple[bytes, int]:
    """Return the header's bytes, and where the body begins."""
    found = _END.search(data, 0, MAX_HEADER)
    if found is None:
        return data[:MAX_HEADER], min(len(data), MAX_HEADER)
    return data[: found.start()], found.end()


def fields_of(header: bytes) -> list[tuple[str, str]]:
    """Return the fields in their order, decoded."""
    lines = _FOLD.split(header, MAX_FIELDS)[:MAX_FIELDS]
    found = (_FIELD.match(line) for line in lines)
    return [
        (row["name"].decode("ascii"), decoded(row["value"][:MAX_VALUE])) for row in found if row
    ]


def looks_like_mail(header: bytes) -> bool:
    """Whether the first line that is none of an mbox's own is a field."""
    first = _FOLD.split(header, 2)[0]
    return _FIELD.match(first) is not None


def decoded(raw: bytes) -> str:
    """Return a field's text: RFC 2047 decoded where it holds, raw bytes as UTF-8 or Latin-1."""
    text = _BREAK.sub(" ", _text(raw)).strip()
    if "=?" not in text:
        return text
    try:
        return "".join(_word(*pair) for pair in decode_header(text))
    except (HeaderParseError, ValueError, LookupError, AssertionError, IndexError):
        return text


def first_of(fields: Fields, name: str) -> str:
    """Return a field's first value, or nothing."""
    return next((value for key, value in fields if key.lower() == name), "")


def parties_of(fields: Fields) -> Iterator[Party]:
    """Yield sender and recipients, each address once a role."""
    count = 0
    for role in _ROLES:
        values = [value for key, value in fields if key.lower() == role]
        seen: set[str] = set()
        for name, address in _addresses(values):
            if count >= MAX_PARTIES:
                return
            known = address.lower() or name
            if known and known not in seen:
                seen.add(known)
                count += 1
                yield Party(f"mailto:{address.lower()}" if address else "", name, role)


def references_of(fields: Fields) -> tuple[str, ...]:
    """Return the ids that a mail answers to, the oldest first, and its own last (or nothing)."""
    older = _ID.findall(first_of(fields, "references"))[-MAX_REFERENCES:]
    answered = _ID.findall(first_of(fields, "in-reply-to"))[:1]
    own = message_id(fields)
    return (*dict.fromkeys(one for one in (*older, *answered) if one != own), own)


def message_id(fields: Fields) -> str:
    """Return a mail's own id without its brackets, or nothing."""
    text = first_of(fields, "message-id")
    found = _ID.search(text)
    return found[1] if found else text.strip("<> ")[:512]


def moment_of(fields: Fields, zone: tzinfo) -> tuple[int | None, str]:
    """Return when a mail says that it was written, and its own words where they name no zone.

    `zone` is what such words are taken in; `-0000` says UTC, and of whose zone nothing.
    """
    text = first_of(fields, "date")
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC if _UNKNOWN in text else zone)
            return microseconds(moment), text
        return microseconds(moment), ""
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None, text[:256]


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970, UTC."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _addresses(values: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield names and addresses; where a list is malformed, what has an @ in it."""
    for value in values:
        try:
            found = [pair for pair in getaddresses([value]) if pair != ("", "")]
        except (ValueError, TypeError, IndexError, RecursionError):
            found = []
        if not found:
            loose = re.findall(r"[^\s,;<>\"()]{1,128}@[^\s,;<>\"()]{1,253}", value)
            found = [("", address) for address in loose] or [(value[:256], "")]
        for name, address in found:
            yield name[:512], address[:512] if "@" in address else ""


def in_charset(data: bytes, charset: str) -> str:
    """Return bytes as the text that a charset of mail makes of them.

    Raises:
        LookupError: there is no such charset.
        ValueError: these bytes are not in it.
    """
    if codecs.lookup(charset).name.replace("_", "-") in _NO_CHARSETS:
        raise LookupError(charset)
    return data.decode(charset)


def _word(data: bytes | str, charset: str | None) -> str:
    if isinstance(data, str):
        return data
    try:
        return in_charset(data, charset or "ascii")
    except (LookupError, ValueError):
        return _text(data)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
