# SPDX-License-Identifier: EUPL-1.2
"""What WhatsApp's own lines say of a chat's timer, in Dutch and English.

Only wordings that were seen in a source are known; docs/spec/settings-guarded.md names it for each.
Every other line that speaks of timers is unknown.
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_agent.guards.of_exported_timers import CHANGED, DEFAULT, KEPT, OFF, ON, UNKNOWN

MAX_WORDING: Final = 1_024  # characters of a line that can be known
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})
STEM: Final = "vervaldatum|verdwijn|berichttimer|tijdelijke berichten|disappear|message timer"
_STEM: Final = re.compile(STEM, re.IGNORECASE)
# A name holds no ': ' (that would be a person's line), no quotation marks and no verb: a line that
# ends with somebody's name, who calls himself like a line of WhatsApp's, is not taken for one.
_NAME: Final = r"(?P<name>(?:(?!: )[^\"\u201c\u201d]){1,120}?)"
_VERB: Final = re.compile(
    r"\b(?:added|removed|invited|joined|changed|created|pinned|left|turned|updated|uses?|was|were"
    r"|heeft|hebt|toegevoegd|verwijderd|uitgenodigd|gewijzigd|aangemaakt|gemaakt)\b",
    re.IGNORECASE,
)
_SECONDS: Final = {  # by how a unit begins
    "sec": 1, "min": 60, "hou": 3_600, "uur": 3_600, "ure": 3_600,
    "day": 86_400, "dag": 86_400, "wee": 604_800, "wek": 604_800,
}  # fmt: skip
_TIME: Final = (
    r"(?P<number>[1-9][0-9]{0,4}) (?P<unit>seconds?|minutes?|hours?|days?|weeks?"
    r"|seconden?|minuut|minuten|uur|uren|dag|dagen|weken)"
)
_TAP: Final = r"(?: (?:Tap|Click) to change\.?| Change timer\.?)?"
_NEW: Final = r"(?:All new|New) messages"
_UNLESS: Final = r"(?:, except when kept)?"
_AFTER: Final = (
    rf"{_NEW} will disappear from this chat after {_TIME}\.",
    rf"{_NEW} will disappear from this chat {_TIME} after they're (?:sent|read){_UNLESS}\.",
    rf"New messages in this chat will disappear {_TIME} after they're read, except when kept\.",
)
_DEFAULT_TAP: Final = (
    r"(?: (?:Tap|Click) to (?:set your own default timer|update your own default timer"
    r"|change your default timer|learn more)\.?"
    r"| (?:Set your own(?: default)? timer|Change timer)\.?)?"
)
_NA: Final = (
    r"(?:Alle nieuwe|Nieuwe) berichten verdwijnen(?: na)? "
    rf"{_TIME}(?: nadat ze zijn verzonden)? uit deze chat\."
)
_TIK: Final = r"(?: Tik om dit te wijzigen\.?)?"
_ON: Final = (
    rf"(?:{_NAME} turned on disappearing messages|Disappearing messages (?:was|were) turned on)\."
)
_OFF: Final = (
    rf"(?:{_NAME} turned off disappearing messages|Disappearing messages (?:was|were) turned off)\."
)
_UPDATED: Final = rf"(?:{_NAME} updated the message timer|The message timer was updated)\."
_USES: Final = (
    rf"(?:{_NAME} uses? a default timer for disappearing messages in new chats"
    r"|A default timer for disappearing messages is used in new chats)\."
)
_NOW_KEEPS: Final = r"Disappearing messages now support keeping messages in the chat\."
_KNOWN: Final = tuple(
    (kind, re.compile(wording))
    for kind, wording in (
        (OFF, _OFF + _TAP),
        *((ON, f"{_ON} {after}{_TAP}") for after in _AFTER),
        *((CHANGED, f"{_UPDATED} {after}{_TAP}") for after in _AFTER),
        *((DEFAULT, f"{_USES} {after}{_DEFAULT_TAP}") for after in _AFTER),
        (KEPT, _NOW_KEEPS + r"(?: (?:Tap|Click) to learn more\.)?"),
        (ON, rf"{_NAME} (?:heeft|hebt) berichten met vervaldatum ingeschakeld\. {_NA}{_TIK}"),
        (OFF, rf"{_NAME} (?:heeft|hebt) berichten met vervaldatum uitgeschakeld\.{_TIK}"),
    )
)


def plain(text: bytes) -> str:
    """Return a line's text without what is not seen, with ordinary spaces and apostrophes."""
    return _INVISIBLE.sub("", text.decode("utf-8", "replace").translate(_SPACES)).strip()


def speaks_of_timers(text: str) -> bool:
    """Return whether a plain text holds a stem of such lines."""
    return _STEM.search(text) is not None


def told_by(text: str) -> tuple[str, int | None] | None:
    """Return what a plain line of WhatsApp's tells, kind and seconds; None: nothing of timers."""
    if not speaks_of_timers(text):
        return None
    if len(text) <= MAX_WORDING:
        for kind, wording in _KNOWN:
            known = wording.fullmatch(text)
            if known is not None:
                return (kind, _seconds(known)) if _is_name(known) else (UNKNOWN, None)
    return UNKNOWN, None


def _is_name(known: re.Match[str]) -> bool:
    """Whether what stands for a name may be one."""
    name = known.groupdict().get("name")
    return name is None or not (_VERB.search(name) or speaks_of_timers(name))


def _seconds(known: re.Match[str]) -> int | None:
    groups = known.groupdict()
    unit = groups.get("unit")
    if unit is None:
        return None
    return int(groups["number"]) * _SECONDS[unit[:3]]
