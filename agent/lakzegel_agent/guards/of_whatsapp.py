# SPDX-License-Identifier: EUPL-1.2
"""What the lines of one WhatsApp export tell of its chat's timer.

    12-03-2024 09:15 - Jan: tekst                         Android, a person's
    12-03-2024 09:16 - Jan heeft berichten met …          Android, WhatsApp's own: no ": "
    [12-03-2024 09:16:22] Groep: <U+200E>Jan heeft …      iPhone, WhatsApp's own: the mark

Only WhatsApp's own lines count. What a text cannot tell is in docs/spec/settings-guarded.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lakzegel_agent.guards.of_exported_timers import (
    MAX_TEXT,
    OFF,
    UNKNOWN,
    UNKNOWN_WORDING,
    Event,
    Timer,
)
from lakzegel_agent.guards.of_exports import Lines
from lakzegel_agent.guards.of_whatsapp_moments import Dates
from lakzegel_agent.guards.of_whatsapp_wording import STEM, plain, speaks_of_timers, told_by
from lakzegel_agent.readers.whatsapp_heads import FIRST, LONGEST, is_head, layout_of

HALF_WRITTEN: Final = "half-written"
NO_HEADER: Final = "no-header"
OTHER_LANGUAGE: Final = "other-language"
OTHER_LAYOUT: Final = "other-layout"
UNSURE_SENDER: Final = "unsure-sender"
LINE_TOO_LONG: Final = "line-too-long"
_MARK: Final = b"\xe2\x80\x8e"  # U+200E, what an iPhone writes before WhatsApp's own text
_COLON: Final = b": "
_MAX_SENDER: Final = 512  # bytes
_MAX_KNOWN: Final = 4_096  # bytes of a line that may be a known one
_STEM: Final = re.compile(STEM.encode(), re.IGNORECASE)
_ENCRYPTED: Final = re.compile(rb"end-to-end (?:encrypted|versleuteld)")
# What the program writes into all but very short exports, in the languages that are known.
_LANGUAGE: Final = re.compile(
    rb"end-to-end (?:encrypted|versleuteld)|<Media (?:omitted|weggelaten)>"
    rb"|<(?:attached|bijgevoegd): "
    rb"|\((?:file attached|bestand bijgevoegd)\)|\xe2\x80\x8e[A-Za-z ]{3,20} (?:omitted|weggelaten)"
    rb"|(?:This message was deleted|Dit bericht is verwijderd|You deleted this message"
    rb"|U hebt dit bericht verwijderd)\.?\s*\Z"
)
_ATTACHED: Final = (  # an attachment that may look like an export; on Android it comes first
    re.compile(rb"(?P<name>[^\n]{1,250}?\.(?:txt|zip)) \((?:file attached|bestand bijgevoegd)\)"),
    re.compile(rb".*?<(?:attached|bijgevoegd): (?P<name>[^<>\n]{1,250}\.(?:txt|zip))>"),
)
MAX_ATTACHED: Final = 1_000  # names of texts and zips in one chat


@dataclass(slots=True)
class Talk:
    """What one export tells: its chat's timer, and how far it goes."""

    timer: Timer = field(default_factory=Timer)
    why: str = ""  # why it cannot be told
    chat: str = ""  # the chat's name, where the export itself says it
    at: str = ""  # the last message's moment, as it is written
    moment: datetime | None = None  # the same, by the phone's clock (of_whatsapp_moments)
    since: datetime | None = None  # when messages began to disappear
    last: datetime | None = None  # the last line that tells of a timer
    attached: list[str] = field(default_factory=list)  # texts and zips, which are no exports


def look_through(lines: Lines, named: str) -> Talk:
    """Return what an export tells; ``named`` is the chat's name by its file's.

    Linear in the text: a line is looked at once, by expressions with upper bounds.
    """
    found = _Export(named)
    for line in lines:
        if not found.take(line, cut=lines.cut):
            break
    return found.told(ended=lines.ended)


class _Export:
    """One export while it is looked through."""

    def __init__(self, named: str) -> None:
        self._named = named
        self._talk = Talk()
        self._head: re.Pattern[bytes] | None = None
        self._iphone = False
        self._dates = Dates()
        self._date = self._clock = b""  # of the last message
        self._first = False  # whether that is the first one, which names an iPhone's chat
        self._language = False
        self._marked = False  # whether an iPhone's marks are in it
        self._unmarked = False  # whether a line would count if it had one

    def take(self, line: bytes, *, cut: bool) -> bool:
        """Take in the next line; False when nothing of this file can be told."""
        if self._head is None:
            layout = layout_of(line[:LONGEST])
            if layout is None:
                self._talk.why = NO_HEADER
                return False
            self._head = re.compile(layout)
            first = FIRST.match(line)
            self._iphone = first is not None and bool(first["open"])
        if not line:
            return True
        head = self._head.match(line)
        self._language = self._language or _LANGUAGE.search(line) is not None
        if head is None:
            self._pasted(line)
            return True
        self._first = not self._date
        self._date, self._clock = head["date"], head["clock"]
        self._dates.see(head["date"])
        self._message(line[head.end() :], cut=cut)
        return True

    def told(self, *, ended: bool) -> Talk:
        """Return what the whole of it tells."""
        talk, timer = self._talk, self._talk.timer
        if self._head is None:
            talk.why = NO_HEADER
            return talk
        talk.at = self._at()
        talk.moment, talk.since, talk.last = map(
            self._dates.moment, (talk.at, timer.since, timer.last)
        )
        talk.why = talk.why or self._why(ended=ended)
        return talk

    def _at(self) -> str:
        """Return the last message's moment as it is written."""
        return plain(self._date + b" " + self._clock)

    def _why(self, *, ended: bool) -> str:
        """Return why nothing can be said of it though every line was understood."""
        if not ended:
            return HALF_WRITTEN
        if self._unmarked and not self._marked:
            return UNSURE_SENDER
        return "" if self._talk.timer.count or self._language else OTHER_LANGUAGE

    def _message(self, rest: bytes, *, cut: bool) -> None:
        """Take in what follows a head, when it is WhatsApp's own line."""
        own = _own(rest, iphone=self._iphone)
        if b".txt" in rest or b".zip" in rest:
            self._attachment(rest)
        self._marked = self._marked or _MARK in rest
        if own is None:
            if self._iphone and not self._marked:
                self._unmarked = self._unmarked or _would_count(rest.partition(_COLON)[2])
            return
        sender, text = own
        if self._first and self._iphone and _ENCRYPTED.search(text):
            self._talk.chat = plain(sender)
        if cut:
            self._talk.why = LINE_TOO_LONG
            return
        shown = plain(text)
        told = None if _is_attachment(shown) else told_by(shown)
        if told is None:
            return
        kind, seconds = told
        reason = UNKNOWN_WORDING if kind == UNKNOWN else ""
        if self._is_unsure(kind, sender, text):
            kind, seconds, reason = UNKNOWN, None, UNSURE_SENDER
        self._tell(kind, seconds, reason, shown)

    def _is_unsure(self, kind: str, sender: bytes, text: bytes) -> bool:
        """Whether an iPhone's line need not be WhatsApp's own, though it looks so."""
        if sender:
            return kind == OFF and plain(sender) not in {self._talk.chat, self._named} - {""}
        return self._iphone and kind != UNKNOWN and not text.startswith(_MARK)

    def _attachment(self, rest: bytes) -> None:
        """Take in the name of an attachment that would else be taken for an export."""
        text = rest.partition(_COLON)[2].removeprefix(_MARK)
        found = _ATTACHED[self._iphone].match(text)
        if found is not None and len(self._talk.attached) < MAX_ATTACHED:
            self._talk.attached.append(found["name"].decode("utf-8", "replace"))

    def _pasted(self, line: bytes) -> None:
        """A line that begins as another layout's lines do: not known whose it is."""
        other = FIRST.match(line)
        if other is None or not is_head(other):
            return
        own = _own(line[other.end() :], iphone=bool(other["open"]))
        if own is not None and speaks_of_timers(plain(own[1])):
            self._tell(UNKNOWN, None, OTHER_LAYOUT, plain(own[1]))

    def _tell(self, kind: str, seconds: int | None, reason: str, text: str) -> None:
        self._talk.timer.tell(Event(kind, self._at(), seconds, reason, text[:MAX_TEXT]))


def _own(rest: bytes, *, iphone: bool) -> tuple[bytes, bytes] | None:
    """Return whose name stands before a line of WhatsApp's, and the line; None: a person's."""
    if _COLON not in rest or (iphone and rest.startswith(_MARK)):
        return b"", rest
    if iphone:
        at = rest.find(_COLON + _MARK, 0, _MAX_SENDER)
        if at >= 0:
            return rest[:at], rest[at + len(_COLON) :]
    sender = rest[: rest.find(_COLON)][:_MAX_SENDER]
    return (b"", rest[:_MAX_SENDER]) if _STEM.search(sender) else None


def _would_count(text: bytes) -> bool:
    """Whether a line would tell of a timer if it were WhatsApp's own."""
    told = told_by(plain(text[:_MAX_KNOWN]))
    return told is not None and told[0] != UNKNOWN


def _is_attachment(text: str) -> bool:
    """Whether it is what an iPhone writes for a file, a change or a deletion, whatever its name."""
    return text.startswith("<") and text.endswith(">")
