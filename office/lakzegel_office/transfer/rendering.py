# SPDX-License-Identifier: EUPL-1.2
"""Mails and chats to read, beside the raw bytes: HTML that runs nothing, and PDF/A.

docs/spec/transfer.md §2. All text is hostile. The HTML fetches nothing and has no script: its
own policy forbids both; markup of a mail is reduced to an allow-list without attributes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html import unescape
from itertools import islice
from typing import Any, Final

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from lakzegel_office.collection.model import Attachment, Body, Unit, UnitKind
from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.markup import bounded
from lakzegel_office.review.pictures import picture_type
from lakzegel_office.transfer.choosing import Sealed
from lakzegel_office.transfer.model import Content, Role
from lakzegel_office.transfer.pdf import pdf, printed

PER_PDF: Final = 2_000  # messages; typst lays a document out in memory
MAX_TEXT: Final = 1 << 20  # characters of one message in a PDF
MAX_PICTURE: Final = 4 << 20  # bytes of a picture within the HTML
MAX_HTML: Final = 1 << 20  # characters of a mail's markup; a parser's time grows with its square
_TAGS: Final = frozenset(
    {"a", "b", "blockquote", "br", "caption", "code", "dd", "del", "div", "dl", "dt", "em", "h1"}
    | {"h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "small", "span"}
    | {"strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul"}
)
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_DROPPED: Final = frozenset(["script", "style", "head", "title", "noscript", "template"])
_HEADS: Final = {
    "from": "Van",
    "to": "Aan",
    "cc": "Cc",
    "bcc": "Bcc",
    "date": "Datum",
    "subject": "Onderwerp",
}


@dataclass(frozen=True, slots=True)
class File:
    """What an entry shows: its name, and a picture as a data URI."""

    name: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, or the text of a mail."""

    who: str
    time: str
    text: str
    html: str = ""
    files: tuple[File, ...] = ()
    note: str = ""
    system: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What stands above and below the entries."""

    title: str
    about: Sequence[tuple[str, str]]
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes renderings of units that leave."""

    collection: Sealed
    created: datetime

    def mail(self, unit: Unit) -> Iterator[Content]:
        """Yield the renderings of one mail."""
        body = self.collection.body(unit.id)
        rows = ((name.lower(), value) for name, value in body.headers)
        about = tuple((_HEADS[name], value) for name, value in rows if name in _HEADS)
        page = Page(unit.subject, about)
        yield from self._contents(page, [unit])

    def chat(self, title: str, units: Sequence[Unit], left: int) -> Iterator[Content]:
        """Yield the renderings of the messages of one chat that leave."""
        times = [unit.at for unit in units if unit.at is not None]
        about = [("Berichten", str(len(units))), ("Dienst", units[0].app)]
        if times:
            about.append(("Van", shown_time(min(times))))
            about.append(("Tot en met", shown_time(max(times))))
        parties = self.collection.conversation(units[0].conversation).parties
        about.append(("Deelnemers", ", ".join(p.name or p.address for p in parties)))
        remarks = [f"{left} berichten van dit gesprek zijn niet overgebracht."] if left else []
        yield from self._contents(Page(title, about, remarks), units)

    def _contents(self, page: Page, units: Sequence[Unit]) -> Iterator[Content]:
        def html() -> Iterator[bytes]:
            entries = (self._entry(unit, pictures=True) for unit in units)
            for piece in _template().generate(page=page, entries=entries):
                yield piece.encode("utf-8", "replace")

        yield Content(Role.RENDERING, page.title, ".html", html, how="weergave in HTML")
        for first in range(0, len(units), PER_PDF):
            some = units[first : first + PER_PDF]
            part = "" if len(units) <= PER_PDF else f", deel {first // PER_PDF + 1}"
            yield Content(
                Role.RENDERING,
                page.title,
                ".pdf",
                lambda some=some: iter((self._pdf(page, some),)),  # type: ignore[misc]
                how=f"weergave in PDF/A{part}",
            )

    def _pdf(self, page: Page, units: Sequence[Unit]) -> bytes:
        made = self.created.astimezone(UTC)
        return pdf(
            "record.typ",
            {
                "title": printed(page.title) or "-",
                "moment": list(made.timetuple()[:6]),
                "about": [[printed(name), printed(value)] for name, value in page.about],
                "remarks": [printed(line) for line in page.remarks],
                "entries": [_printed_entry(self._entry(unit, pictures=False)) for unit in units],
            },
        )

    def _entry(self, unit: Unit, *, pictures: bool) -> Entry:
        """Return what is shown of a unit; of one that does not open, that it does not."""
        try:
            body = self.collection.body(unit.id)
        except (DoubtError, GoneError, UsageError):
            return Entry("", "", "", note="Dit bericht kan niet worden geopend.")
        sender = unit.sender
        is_mail = unit.kind is UnitKind.MAIL
        who = "" if is_mail or sender is None else sender.name or sender.address
        time = "" if is_mail else (shown_time(unit.at) if unit.at else unit.at_text)
        files = tuple(self._file(unit, part, pictures=pictures) for part in body.attachments)
        html = sanitised(body.html) if pictures and body.html and not body.text.strip() else ""
        return Entry(who, time, _text(body), html, files, _note(body), unit.kind is UnitKind.SYSTEM)

    def _file(self, unit: Unit, part: Attachment, *, pictures: bool) -> File:
        small = 0 < part.size <= MAX_PICTURE
        if not pictures or not small or unit.kind is UnitKind.MAIL:
            return File(part.name)
        try:
            data = self.collection.attachment(unit.id, part.number)
        except (DoubtError, GoneError, UsageError):
            return File(part.name)
        kind = picture_type(data)
        return File(part.name, f"data:{kind};base64,{b64encode(data).decode()}" if kind else "")


def sanitised(html: str) -> str:
    """Return a mail's markup reduced to text in its order: no link, picture, style or script."""
    return nh3.clean(
        bounded(html, MAX_HTML),
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED),
        attributes={},
        link_rel=None,
    )


def shown_time(at: datetime) -> str:
    """Return a time for people, in UTC."""
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat(" ")


def _text(body: Body) -> str:
    if body.text.strip() or not body.html:
        return body.text
    source = bounded(body.html, MAX_HTML)
    plain = nh3.clean(source, tags=set(), clean_content_tags=set(_DROPPED))
    return unescape(plain)


def _note(body: Body) -> str:
    return "; ".join(f"{name}: {value}" for name, value in islice(body.fields.items(), 20))


def _printed_entry(entry: Entry) -> dict[str, Any]:
    text = printed(entry.text[:MAX_TEXT])
    if len(entry.text) > MAX_TEXT:
        text += f"\n[en nog {len(entry.text) - MAX_TEXT} tekens]"
    return {
        "who": printed(entry.who),
        "time": printed(entry.time),
        "text": text,
        "files": [printed(file.name) for file in entry.files],
        "note": printed(entry.note),
    }


def _named(value: object) -> object:
    """Return what a template writes, with the code point of what turns a text's direction."""
    if not isinstance(value, str):
        return value
    return type(value)(_TURNING.sub(lambda met: f"[U+{ord(met[0]):04X}]", value))


@cache
def _template() -> Template:
    loader = PackageLoader("lakzegel_office.transfer")
    # every text that a template shows is escaped unless it was sanitised here
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, finalize=_named
    )
    return environment.get_template("record.html")
