# SPDX-License-Identifier: EUPL-1.2
"""What a page of a Telegram Desktop export in HTML tells of its chat's timer.

    messages.html, messages2.html, …       one chat a folder, a thousand messages a page

    <div class="message service" id="message7"><div class="body details">
    Jan has set messages to auto-delete in 7 days
    </div></div>

What people write has its tags escaped, so that only the program's own lines are found so.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from lakzegel_agent.guards.base import NOT_UNDERSTOOD
from lakzegel_agent.guards.of_exported_timers import (
    MAX_TEXT,
    OFF,
    ON,
    UNKNOWN,
    UNKNOWN_WORDING,
    Event,
)
from lakzegel_agent.guards.of_whatsapp import HALF_WRITTEN
from lakzegel_agent.view import View

PAGE: Final = re.compile(r"messages([2-9]|[1-9][0-9]{1,5})?\.html", re.IGNORECASE)
MAX_EVENTS: Final = 1_000  # of one page, which has as many messages
_LONGEST: Final = 16_384  # bytes of what is looked for, and of what it says
_TAIL: Final = 1_024
_CLOSED: Final = re.compile(rb"</html>\s*\Z", re.IGNORECASE)
_TOKEN: Final = re.compile(
    rb"""
    <div\ class="message\ service (?: "\ id="message-?[0-9]{1,20}">
        \s{0,200} <div\ class="body\ details" (?P<service>>) )?
    | <div\ class="page_header (?P<header>">)
    | <div\ class="pull_right\ date\ details"\ title="(?P<at>[0-9:.+\ UTC-]{10,40})">
    | <a\ class="pagination\ block_link"\ href="(?P<page>[A-Za-z0-9_.-]{1,64})"> \s{0,200}
        (?P<next>Next) \s messages
    """,
    re.VERBOSE,
)
_NAME: Final = b'<div class="text bold">'
_CLOSE: Final = b"</div>"
_MOST: Final = 4_096  # bytes of a line of the program's, and of what lies before a chat's name
_AT: Final = re.compile(
    r"([0-9]{2})\.([0-9]{2})\.([0-9]{4}) ([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?: UTC([+-][0-9]{2}:[0-9]{2}))?"
)
_DAY: Final = re.compile(r"[0-9]{1,2} [A-Z][a-z]{2,8} [0-9]{4}")  # a line between two days
_TAG: Final = re.compile(r"<[^<>]{0,1024}>")
_STEM: Final = re.compile(r"auto-?\s?delete|self-?\s?destruct|disappear", re.IGNORECASE)
_SECONDS: Final = {"7 days": 604_800, "24 hours": 86_400, "": None}
_SETS: Final = re.compile(
    r"(?:(?P<name>[^\u00ab\u00bb]{1,250}?) has set messages to auto-delete in"
    r"|New messages will auto-delete in)(?P<period> 7 days| 24 hours|)"
)
_UNSETS: Final = re.compile(
    r"(?P<name>[^\u00ab\u00bb]{1,250}?) has set messages not to auto-delete"
    r"|New messages will not auto-delete"
)
_VERB: Final = re.compile(
    r"\b(?:added|removed|invited|joined|changed|created|pinned|converted|has|have|set|sent|scored)\b"
)


@dataclass(slots=True)
class Page:
    """One page: its chat, the lines that tell of the timer, and which page comes next."""

    name: str = ""
    why: str = ""
    next: str = ""
    at: str = ""
    events: list[Event] = field(default_factory=list)
    more: int = 0

    def packed(self) -> dict[str, Any]:
        """Return it as a note keeps it."""
        events = [[one.kind, one.at, one.seconds, one.reason, one.text] for one in self.events]
        return {
            "name": self.name, "why": self.why, "next": self.next, "at": self.at,
            "events": events, "more": self.more,
        }  # fmt: skip


def unpacked(kept: dict[str, Any]) -> Page:
    """Return what a note kept."""
    events = [Event(*one) for one in kept["events"]]
    return Page(kept["name"], kept["why"], kept["next"], kept["at"], events, kept["more"])


def page_of(view: View) -> Page:
    """Return what a page tells; linear in its size.

    Raises:
        ChangedError: the file became shorter.
    """
    page = Page()
    known = False
    for token, body in _tokens(view):
        if token["header"] is not None:
            name = _within(body[body.find(_NAME) + len(_NAME) :]) if _NAME in body else None
            known = known or name is not None
            page.name = page.name or _text(name or b"")
        elif token["at"] is not None:
            page.at = token["at"].decode()
        elif token["next"] is not None:
            page.next = token["page"].decode()
        else:
            _service(page, _within(body) if token["service"] is not None else None)
    if not known:
        page.why = NOT_UNDERSTOOD
    elif not _CLOSED.search(view.read(view.size - _TAIL, view.size)):
        page.why = HALF_WRITTEN
    return page


def _within(body: bytes) -> bytes | None:
    """Return what stands before a division ends."""
    end = body.find(_CLOSE)
    return body[:end] if end >= 0 else None


def moment_of(at: str) -> datetime | None:
    """Return the moment that a message's title tells, by this device's zone without one."""
    found = _AT.fullmatch(at)
    if found is None:
        return None
    day, month, year, clock, zone = found.groups()
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{zone or ''}").astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        return None


def told_by(text: str) -> tuple[str, int | None] | None:
    """Return what a line of the program's tells, kind and seconds; None: nothing of timers."""
    if not _STEM.search(text):
        return None
    sets, unsets = _SETS.fullmatch(text), _UNSETS.fullmatch(text)
    known = sets or unsets
    name = "" if known is None else known["name"] or ""
    if known is None or _VERB.search(name) or _STEM.search(name):
        return UNKNOWN, None
    return (ON, _SECONDS[sets["period"].strip()]) if sets else (OFF, 0)


def _service(page: Page, body: bytes | None) -> None:
    """Take in a line of the program's; None: one that is not laid out as they are."""
    text = "" if body is None else _text(body)
    if _DAY.fullmatch(text):
        page.at = text
        return
    told = told_by(text) if body is not None else (UNKNOWN, None)
    if told is None:
        return
    kind, seconds = told
    if len(page.events) >= MAX_EVENTS:
        page.events.pop(0)
        page.more += 1
    why = (UNKNOWN_WORDING, text[:MAX_TEXT]) if kind == UNKNOWN else ("", "")
    page.events.append(Event(kind, page.at, seconds, *why))


def _tokens(view: View) -> Iterator[tuple[re.Match[bytes], bytes]]:
    """Yield what is looked for, and what comes behind it."""
    after = 0
    for window in view.windows(after=_LONGEST):
        for token in _TOKEN.finditer(window.data, max(window.start, after) - window.first):
            if window.first + token.start() >= window.end:
                break
            after = window.first + token.end()
            yield token, window.data[token.end() : token.end() + _MOST]


def _text(data: bytes) -> str:
    """Return what is shown of a body."""
    return " ".join(html.unescape(_TAG.sub("", data.decode("utf-8", "replace"))).split())
