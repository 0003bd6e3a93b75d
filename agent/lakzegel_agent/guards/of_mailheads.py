# SPDX-License-Identifier: EUPL-1.2
"""The head of a mail: from whom, to whom, when, and whether it was forwarded. Never its body.

docs/spec/settings-guarded.md, private-domains
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_agent.guards.of_addresses import addresses_in

MAX_HEAD: Final = 64 * 1024  # bytes of a mail that are looked at
_MAX_SUBJECT: Final = 998  # characters, the longest line of RFC 5322
_MAX_DATE: Final = 100  # characters
_END: Final = re.compile(rb"\n\r?\n")
_FIELD: Final = re.compile(rb"([!-9;-~]{1,100}+)[ \t]{0,16}+:")
_WANTED: Final = frozenset(
    b"from to cc bcc subject date message-id resent-from resent-to resent-cc resent-bcc".split()
)
_TO: Final = ("to", "cc", "bcc")
_AGAIN: Final = ("resent-to", "resent-cc", "resent-bcc")
_FORWARDED: Final = re.compile(
    r"\s{0,64}+(?:(?:re|aw|antw|betr)\s{0,8}+:\s{0,8}+){0,8}+"
    r"(?:fwd?|wg|tr|doorgestuurd|doorst)\s{0,8}+(?:\[[0-9]{1,3}\])?\s{0,8}+:",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Head:
    """What is taken from the head of one mail; ``id`` is the same for each copy of it."""

    id: str
    moment: datetime | None
    sender: tuple[str, ...]
    to: tuple[str, ...]
    forwarded: bool
    resent_by: tuple[str, ...] = ()
    resent_to: tuple[str, ...] = ()


def parse_head(data: bytes, *, whole: bool) -> Head | None:
    """Return what the head says, None where it is none, or does not end within the data.

    ``whole``: the data is all there is of the mail, so that its head ends with it.
    """
    end = _END.search(data)
    if end is None and not whole:
        return None
    head = data if end is None else data[: end.start() + 1]
    fields = _fields(head)
    if fields is None:
        return None
    name = fields.get("message-id", "").strip().encode() or head
    return Head(
        id=hashlib.blake2b(name, digest_size=8).hexdigest(),
        moment=_moment(fields.get("date", "")),
        sender=_people(fields, ("from",)),
        to=_people(fields, _TO),
        forwarded=_FORWARDED.match(_decoded(fields.get("subject", ""))) is not None,
        resent_by=_people(fields, ("resent-from",)),
        resent_to=_people(fields, _AGAIN),
    )


def _fields(head: bytes) -> dict[str, str] | None:
    """Return the fields that are wanted, those of one name joined; None where there is no field."""
    found: dict[str, list[bytes]] = {}
    into: list[bytes] | None = None
    any_field = False
    for line in head.splitlines():
        if line[:1] in {b" ", b"\t"}:
            if into is not None:
                into.append(line)
            continue
        match = _FIELD.match(line)
        into = None
        if match is not None:
            any_field = True
            name = match[1].lower()
            if name in _WANTED:
                into = found.setdefault(name.decode(), [])
                into.append((b"," if into else b"") + line[match.end() :])
    if not any_field:
        return None
    return {name: b"".join(lines).decode("utf-8", "replace") for name, lines in found.items()}


def _people(fields: dict[str, str], names: Iterable[str]) -> tuple[str, ...]:
    found = [one.lower() for name in names for one in addresses_in(fields.get(name, ""))]
    return tuple(dict.fromkeys(found))


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only where mail is read

    try:
        moment = parsedate_to_datetime(text.strip()[:_MAX_DATE])
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None


def _decoded(text: str) -> str:
    """Return a subject as it is shown; as it is written where that is not understood."""
    text = text.strip()[:_MAX_SUBJECT]
    if "=?" not in text:
        return text
    from email.errors import HeaderParseError  # noqa: PLC0415 - only where mail is read
    from email.header import decode_header, make_header  # noqa: PLC0415 - only where mail is read

    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, HeaderParseError):
        return text
