# SPDX-License-Identifier: EUPL-1.2
"""Mail as a unit: a file, a stretch of an mbox, an `.emlx`. docs/spec/collection.md §5.1.

From - Mon Mar 11 08:02:10 2024      the separator of an mbox; not the mail's
Message-ID: <1@x.example>            ┐
Subject: Stukken                     │ the mail; in an mbox `>From ` stands for `From `
                                     │
Goedemorgen                          ┘
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.collection.parsers import mailheads, mailparts, times
from lakzegel_office.collection.pieces import Piece, Raw

APP: Final = "mail"
_DAY: Final = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK: Final = rb"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
_MOMENT: Final = (
    rb"(?:" + _DAY + rb" {1,3}" + _MONTH + rb" {1,3}[0-9]{1,2} {1,3}" + _CLOCK
    + rb"(?: [A-Za-z0-9+-]{1,6}){0,2} {1,3}(?:19|20)[0-9]{2}"
    + rb"|" + _DAY + rb",? {1,3}[0-9]{1,2} " + _MONTH + rb" (?:19|20)[0-9]{2} " + _CLOCK
    + rb")(?![0-9])"
)  # fmt: skip
SEPARATOR: Final = re.compile(
    rb"From (?:[ \t]{0,64}\r?\n|[^\r\n]{0,320}?[ \t]" + _MOMENT + rb"[^\r\n]{0,64}\r?\n?)"
)
_NEXT: Final = re.compile(rb"(?<=\n)(?:\r?\n)(?=From )")
_QUOTED: Final = re.compile(rb"(?m)^>(>*From )")
_FROM: Final = re.compile(rb"(?m)^>*(?=From )")
_EMLX: Final = re.compile(rb"[ \t]{0,16}([0-9]{1,15})[ \t]{0,16}\r?\n")
_SAME: Final = ("from", "to", "cc", "bcc", "subject", "date")


def parse_file(data: bytes) -> Piece:
    """Return the one mail that a file is."""
    raw = mail_at(data, 0, len(data), data)
    return Piece((raw,) if raw else ())


def parse_emlx(data: bytes) -> Piece:
    """Return the mail behind the line that gives its length."""
    begin = _EMLX.match(data)
    if begin is None:
        return Piece()
    mail = data[begin.end() : begin.end() + int(begin[1])]
    raw = mail_at(mail, 0, len(data), mail)
    return Piece((raw,) if raw else ())


def parse_mbox(data: bytes) -> Piece:
    """Return the mails in a stretch of an mbox; one, as the device cuts it."""
    return Piece(tuple(_mails(data)))


def inner(reader: str, data: bytes) -> bytes:
    """Return the mail alone: without separator, quoting and length."""
    if reader == "emlx" and (begin := _EMLX.match(data)):
        return data[begin.end() : begin.end() + int(begin[1])]
    separator = SEPARATOR.match(data)
    if separator is None:
        return data
    return _QUOTED.sub(rb"\1", data[separator.end() :])


def _mails(data: bytes) -> Iterator[Raw]:
    if not SEPARATOR.match(data):
        return
    gaps = (gap.end() for gap in _NEXT.finditer(data))
    starts = [0, *(start for start in gaps if SEPARATOR.match(data, start))]
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        mail = inner("mbox", data[start:end])
        raw = mail_at(mail, start, end - start, mail)
        if raw is not None:
            yield raw


def mail_at(data: bytes, start: int, length: int, whole: bytes) -> Raw | None:
    """Return a mail that lies at `start` of a stretch, None where these bytes are none."""
    header, body = mailheads.split_mail(data)
    if not mailheads.looks_like_mail(header) and not SEPARATOR.match(header):
        return None
    fields = mailheads.fields_of(header)
    content = mailparts.content_of(whole)
    at, at_text = mailheads.moment_of(fields, times.DUTCH)
    parties = tuple(mailheads.parties_of(fields))
    return Raw(
        UnitKind.MAIL,
        start,
        length,
        _key(fields, data[body:]),
        at=at,
        at_text=at_text,
        sender=next((party for party in parties if party.role == "from"), None),
        subject=mailheads.first_of(fields, "subject")[:4096],
        text=content.text or mailparts.text_of_html(content.html),
        html=content.html,
        more=content.more,
        parties=parties,
        attachments=tuple(content.attachments),
        references=mailheads.references_of(fields),
    )


def _key(fields: mailheads.Fields, body: bytes) -> tuple[str, ...]:
    """Return what makes a mail this one, in whichever kind of file it lies.

    Line ends, empty lines at the end and the quoting of an mbox are not the mail's.
    """
    plain = _FROM.sub(b"", body.replace(b"\r\n", b"\n")).rstrip(b"\n")
    named = (" ".join(mailheads.first_of(fields, name).split()) for name in _SAME)
    return (mailheads.message_id(fields), *named, hashlib.sha256(plain).hexdigest())
