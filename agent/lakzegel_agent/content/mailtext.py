# SPDX-License-Identifier: EUPL-1.2
"""The text of a mail: subjects and text parts, decoded (docs/spec/guards.md §8).

    multipart/mixed
      multipart/alternative    text/plain, text/html     looked at
      message/rfc822           as a mail of its own      looked at
      application/pdf          …                         passed over

Heads are parsed by the standard library. Bodies are split here: its parser takes time that is not
linear in what hostile mails hold, and would copy attachments that nobody looks at.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from html import unescape
from typing import Final, NamedTuple

MAX_TEXT: Final = 2**20  # bytes of decoded text, docs/spec/guards.md §8
MAX_PARTS: Final = 50
MAX_DEPTH: Final = 10
MAX_HEAD: Final = 64 * 2**10  # bytes of a part's head
MAX_FIELD: Final = 2_000  # characters of a field that is looked at
_CODED: Final = 4  # times as many bytes as text: base64 with white space, quoted-printable
_BLANK: Final = re.compile(rb"\n\r?\n")
_BEGIN: Final = re.compile(rb"[ \t]{0,8}\r?\n")
_COUNT: Final = re.compile(rb"[0-9]{1,15}[ \t]{0,32}\r?\n")  # first line of Apple's mails
_MAIL: Final = re.compile(
    rb"(?:[0-9]{1,15}[ \t]{0,32}\r?\n)?(?:From |[!-9;-~]{1,100}[ \t]{0,8}:)"  # of an mbox, a field
)
_CHARSET: Final = re.compile(
    r"utf-?8|utf-?7|utf-?16(?:le|be)?|utf-?32(?:le|be)?|us-ascii|iso-?8859-?[0-9]{1,2}"
    r"|(?:windows|cp)-?[0-9]{3,4}|koi8-[ru]|macintosh"
)
_NOT_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
)
_INLINE: Final = re.compile(
    r"</?(?:a|abbr|b|big|em|font|i|ins|mark|small|span|strong|sub|sup|u)(?:\s[^<>]{0,2000})?>",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[^<>]{1,2000}>")


class _Part(NamedTuple):
    """A part that is still to be looked at."""

    data: bytes
    start: int
    end: int
    depth: int


class MailText:
    """Takes the text out of one mail; ``whole`` says whether all of it came out."""

    def __init__(self, data: bytes) -> None:
        self.whole = True
        self._left = MAX_TEXT
        self._parts = MAX_PARTS
        count = _COUNT.match(data)
        self._waiting = [_Part(data, count.end() if count else 0, len(data), 0)]

    def texts(self) -> Iterator[str]:
        """Yield every text, as far as the limits go."""
        while self._waiting:
            if not self._parts or self._left <= 0:
                self.whole = False
                return
            self._parts -= 1
            yield from self._part(self._waiting.pop())

    def _part(self, part: _Part) -> Iterator[str]:
        body = _body_of(part)
        if body is None or part.depth > MAX_DEPTH:
            self.whole = False
            return
        head = BytesHeaderParser().parsebytes(part.data[part.start : body])
        if "subject" in head:
            yield self._subject(str(head["subject"]))
        if len(str(head.get("content-type", ""))) > MAX_FIELD:
            self.whole = False
            return
        rest = part._replace(start=body, depth=part.depth + 1)
        if head.get_content_maintype() == "multipart":
            self._split(head, rest)
        elif head.get_content_maintype() == "message":
            inner = self._decoded(head, rest) if _is_coded(head) else None
            self._waiting.append(rest if inner is None else _Part(inner, 0, len(inner), rest.depth))
        elif head.get_content_maintype() == "text":
            yield self._text(head, rest)

    def _split(self, head: Message, part: _Part) -> None:
        """Put the parts of a multipart on the pile, the first on top."""
        boundary = head.get_boundary("").encode("ascii", "surrogateescape")
        if not boundary:
            return
        line = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]{0,100}(?:\r?\n|\Z)")
        found: list[_Part] = []
        begin: int | None = None
        at = max(0, part.start - 1)  # a line may begin right behind the head
        while (match := line.search(part.data, at, part.end)) is not None:
            if begin is not None:
                found.append(part._replace(start=begin, end=match.start()))
            begin = None if match[1] else match.end()
            if match[1]:
                break
            if len(found) > self._parts:
                self.whole = False
                break
            at = max(match.end() - 1, match.start() + 1)  # its line break may begin the next one
        else:
            if begin is not None:
                found.append(part._replace(start=begin))
        self._waiting += reversed(found)

    def _text(self, head: Message, part: _Part) -> str:
        data = self._decoded(head, part)
        charset = head.get_content_charset("")
        text = data.decode(charset if _CHARSET.fullmatch(charset) else "latin-1", "replace")
        return plain(text) if head.get_content_subtype() in {"html", "xhtml", "xml"} else text

    def _decoded(self, head: Message, part: _Part) -> bytes:
        """Return a body's bytes, as many as may still be looked at."""
        end = min(part.end, part.start + _CODED * self._left)
        data = part.data[part.start : end]
        coding = _coding(head)
        if coding == "base64":
            clean = data.translate(None, _NOT_BASE64)
            data = binascii.a2b_base64(clean[: len(clean) // 4 * 4] + _tail(clean))
        elif coding == "quoted-printable":
            data = binascii.a2b_qp(data)
        if end < part.end or len(data) > self._left:
            self.whole = False
        data = data[: self._left]
        self._left -= len(data)
        return data

    def _subject(self, value: str) -> str:
        if len(value) > MAX_FIELD:
            self.whole = False
        try:
            pieces = decode_header(value[:MAX_FIELD])
        except (HeaderParseError, ValueError):
            return value[:MAX_FIELD]
        return "".join(
            piece if isinstance(piece, str) else piece.decode(_known(charset), "replace")
            for piece, charset in pieces
        )


def is_mail(data: bytes) -> bool:
    """Return whether a segment begins as a mail does; the rest of a long one does not."""
    return _MAIL.match(data) is not None


def plain(text: str) -> str:
    """Return what HTML shows, roughly: tags between letters go, others are line breaks."""
    return unescape(_TAG.sub("\n", _INLINE.sub("", text)))


def _body_of(part: _Part) -> int | None:
    """Return where a part's body begins, None where its head is beyond the limit."""
    empty = _BEGIN.match(part.data, part.start, part.end)
    if empty:
        return empty.end()
    most = part.start + MAX_HEAD
    blank = _BLANK.search(part.data, part.start, min(part.end, most))
    if blank:
        return blank.end()
    return part.end if part.end <= most else None


def _coding(head: Message) -> str:
    return str(head.get("content-transfer-encoding", "")).strip().lower()


def _is_coded(head: Message) -> bool:
    return _coding(head) in {"base64", "quoted-printable"}


def _tail(clean: bytes) -> bytes:
    """Return the last letters of base64, padded; one letter alone says nothing."""
    rest = clean[len(clean) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def _known(charset: str | None) -> str:
    name = (charset or "").lower()
    return name if _CHARSET.fullmatch(name) else "latin-1"
