# SPDX-License-Identifier: EUPL-1.2
"""The parts of a hostile mail: text, HTML and attachments, within limits, and never an exception.

`email` with its plain policy takes any bytes; what it may still trip over (nesting, charsets,
transfer codings, its own defects) is caught, and what it does not give is left out of view: the
raw bytes stay the record.
"""

from __future__ import annotations

import html
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import Policy, compat32
from typing import Final, TypeAlias

from lakzegel_office.collection.model import Attachment
from lakzegel_office.collection.parsers.mailheads import (
    decoded,
    fields_of,
    first_of,
    in_charset,
    split_mail,
)

MAX_PARTS: Final = 1_000
MAX_BOUNDARIES: Final = 100  # multiparts in one mail; honest ones have fewer than ten
MAX_MESSAGES: Final = 50  # mails within mails: `email` passes each line through all of them
MAX_SEAMS: Final = 5_000  # lines that may begin a part
MAX_KINDS: Final = 5_000  # fields that say what a part is
MAX_KIND: Final = 8_192  # bytes of one: `email` reads its parameters in quadratic time
MAX_DEPTH: Final = 20  # parts in parts
MAX_TEXT: Final = 1 << 20  # characters of text that are kept for search and view
MAX_INNER: Final = 5  # mails in mails that are looked into for their words
MAX_HTML: Final = 8 << 20  # characters of HTML that are kept for view
_BOUNDARY: Final = re.compile(rb"boundary", re.IGNORECASE)
_MESSAGE: Final = re.compile(rb"content-type[ \t]*:\s*message/", re.IGNORECASE)
_KIND: Final = re.compile(rb"(?im)^content-(?:type|disposition)[ \t]*:")
_FOLD: Final = re.compile(rb"\n(?![ \t])")
_HIDDEN: Final = re.compile(r"(?is)<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)")
_TAG: Final = re.compile(r"<[^<>]{0,4096}>")
_POLICY: Final[Policy] = compat32
_WRITTEN: Final[Policy] = compat32.clone(mangle_from_=False)
Part: TypeAlias = "Message[str, str]"


@dataclass(slots=True)
class Content:
    """What a mail holds."""

    text: str = ""
    html: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    more: str = ""  # what attached mails and texts say: to be found by


def content_of(data: bytes, inner: int = MAX_INNER) -> Content:
    """Return text, HTML and the list of attachments; words of mails within, `inner` deep."""
    found = Content()
    try:
        for part in _parts(data):
            _add(found, part, inner)
    except Exception:  # noqa: BLE001 - `email` trips over hostile bytes in ways it does not list
        return found
    return found


def attachments_of(data: bytes, numbers: Container[int]) -> dict[int, bytes]:
    """Return the decoded bytes of the attachments with these numbers, of those that there are."""
    found: dict[int, bytes] = {}
    try:
        attached = (part for part in _parts(data) if not _is_text(part))
        for number, part in enumerate(attached):
            if number in numbers:
                found[number] = _bytes_of(part)
    except Exception:  # noqa: BLE001 - as above
        return found
    return found


def text_of_html(source: str) -> str:
    """Return about what a reader sees of HTML: for search and comparison, never for view."""
    visible = _TAG.sub(" ", _HIDDEN.sub(" ", source[:MAX_HTML]))
    return html.unescape(visible)[:MAX_TEXT]


def _parts(data: bytes) -> Iterator[Part]:
    """Yield the leaves, in order; a mail within is a leaf."""
    if _is_bomb(data):
        return
    pending: list[tuple[Part, int]] = [(message_from_bytes(data, policy=_POLICY), 0)]
    count = 0
    while pending and count < MAX_PARTS:
        part, depth = pending.pop()
        count += 1
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            if depth < MAX_DEPTH:
                pending += [(child, depth + 1) for child in _whole(part)]
            continue
        yield part


def _whole(part: Part) -> list[Part]:
    """Return the parts that are parts, the last one first.

    What is no multipart is not asked: `email` would decode it, in whatever charset it names.
    """
    inner = part.get_payload() if part.is_multipart() else []
    found = inner if isinstance(inner, list) else []
    return [child for child in reversed(found) if isinstance(child, Message)]


def _is_bomb(data: bytes) -> bool:
    """Whether `email` would take too long over these bytes."""
    if data.count(b"\n--") > MAX_SEAMS or len(_BOUNDARY.findall(data)) > MAX_BOUNDARIES:
        return True
    kinds = [found.start() for found in _KIND.finditer(data)]
    if len(kinds) > MAX_KINDS or len(_MESSAGE.findall(data)) > MAX_MESSAGES:
        return True
    ends = ((start, _FOLD.search(data, start)) for start in kinds)
    return any((end.start() if end else len(data)) - start > MAX_KIND for start, end in ends)


def _add(found: Content, part: Part, inner: int) -> None:
    if _is_text(part):
        text = _text_of(part)
        if part.get_content_type() == "text/html":
            found.html = (found.html + text)[:MAX_HTML]
        else:
            found.text = (found.text + "\n" + text if found.text else text)[:MAX_TEXT]
        return
    data = _bytes_of(part)
    kind = part.get_content_type()
    number = len(found.attachments)
    named = (_name_of(part, kind), kind, len(data), None, _content_id(part))
    found.attachments.append(Attachment(number, *named))
    if kind == "message/rfc822" and inner:
        within = content_of(data, inner - 1)
        text = within.text or text_of_html(within.html)
        found.more = "\n".join((found.more, subject_of(data), text, within.more))[:MAX_TEXT]
    elif kind in {"text/plain", "text/calendar", "text/csv"}:
        found.more = f"{found.more}\n{_text_of(part)}"[:MAX_TEXT]


def _is_text(part: Part) -> bool:
    """Whether a part is what the mail says, and no file that it carries."""
    if part.get_content_type() not in {"text/plain", "text/html"}:
        return part.get_content_maintype() == "multipart"  # one whose parts `email` did not find
    return _disposition(part) != "attachment" and not _file_name(part)


def _disposition(part: Part) -> str:
    return str(part.get("Content-Disposition", "")).split(";", 1)[0].strip().lower()


def _content_id(part: Part) -> str:
    return str(part.get("Content-ID", "")).strip().strip("<>")[:1000]


def _file_name(part: Part) -> str:
    try:
        name = _param(part, "filename", "content-disposition") or _param(part, "name")
    except (ValueError, TypeError, LookupError):
        return "?"
    return decoded(name.encode("utf-8", "surrogateescape"))[:1024]


def _param(part: Part, name: str, field: str = "content-type") -> str:
    """Return a parameter as `email` does (RFC 2231), but in no charset that costs too much."""
    value = part.get_param(name, "", field)
    if not isinstance(value, tuple):
        return str(value or "").strip()
    charset, _, text = value
    data = str(text).encode("raw-unicode-escape")
    try:
        return in_charset(data, charset or "us-ascii").strip()
    except (LookupError, ValueError):
        return str(text).strip()


def _name_of(part: Part, kind: str) -> str:
    name = _file_name(part)
    if name or kind != "message/rfc822":
        return name
    first = next(iter(_whole(part)), None)
    subject = str(first.get("Subject", "")) if first is not None else ""
    return decoded(subject.encode("utf-8", "surrogateescape"))[:1000] + ".eml"


def _bytes_of(part: Part) -> bytes:
    if part.is_multipart():  # message/rfc822, message/delivery-status
        return b"".join(_written(child) for child in reversed(_whole(part)))
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _written(part: Part) -> bytes:
    """Return a mail within as it was read: `email` would fold its header anew."""
    lines = (f"{name}: {value}\n" for name, value in part.raw_items())
    header = "".join(lines).encode("utf-8", "surrogateescape")
    whole = part.as_bytes(policy=_WRITTEN)
    return header + b"\n" + whole[split_mail(whole)[1] :]


def _text_of(part: Part) -> str:
    data = _bytes_of(part)[: 4 * MAX_HTML]
    try:
        return in_charset(data, _param(part, "charset").lower() or "utf-8")
    except (LookupError, ValueError):
        pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def subject_of(data: bytes) -> str:
    """Return the subject that the begin of a mail states."""
    return first_of(fields_of(split_mail(data)[0]), "subject")
