# SPDX-License-Identifier: EUPL-1.2
"""The rows of the guidance for members of government, each with the evidence that a mirror has.

What a row asks is in our own words. A row for which there is nothing says so: `NOTHING`. A line of
evidence is a text of the catalogue and what fills its holes, so that it can be said in Dutch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lakzegel_office.reports import evidence
from lakzegel_office.reports.evidence import Line
from lakzegel_office.reports.model import Report

NOTHING: Final = "none"
SHOWN: Final = "shown"
ATTENTION: Final = "attention"

Evidence = Callable[[Report], Iterator[Line]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, what it asks, and what the mirror shows of it."""

    number: int
    asks: str
    state: str
    lines: tuple[Line, ...]


_ROWS: Final[Mapping[int, tuple[str, Evidence]]] = {
    1: ("Measures are in force from the first day in office", evidence.first_day),
    2: ("All business information is managed, whatever the channel", evidence.channels),
    3: ("Secured against change is one thing, managed another", evidence.managed),
    4: ("Found quickly, by the right person, at the right moment", evidence.opened),
    5: ("Private, party and business each have their own account", evidence.accounts),
    6: ("Business on business devices", evidence.guarded(6)),
    7: ("Business information is never deleted", evidence.vanished),
    8: ("The person knows what to do and is told", evidence.nothing),
    9: ("No private mail address for business", evidence.guarded(9)),
    10: ("Business mail is not forwarded to a private account", evidence.guarded(10)),
    11: ("No state secrets by mail", evidence.guarded(11)),
    12: ("The business account is archived by itself", evidence.mail),
    13: ("Chat apps only for what is general and informal", evidence.chats),
    14: ("No special personal data in chats", evidence.guarded(14)),
    15: ("Automatic deletion is off", evidence.guarded(15)),
    16: ("Chats are read out periodically", evidence.readouts),
    17: ("Corporate accounts on social media", evidence.social),
    18: ("Business information is kept", evidence.kept),
    19: ("Private messages are left out, by correspondents and content", evidence.left_out),
    20: ("Party matters are left out, but for a position that is defended", evidence.claims),
    21: ("How matters are separated is agreed beforehand and carried out", evidence.policies),
    22: ("Open government: exceptions are judged, originals stay", evidence.holds),
    23: ("Personal and confidential data are safe from misuse", evidence.safe),
    24: ("The right information, now and later", evidence.lasting),
    25: ("Parliament is informed", evidence.by_scope),
    26: ("Kept in order, or destroyed in time", evidence.disposed),
    27: ("Protection of personal data", evidence.minimised),
    28: ("Open government: to be had on request", evidence.by_scope),
    29: ("Security baseline: what was done is logged", evidence.logged),
    30: ("Nothing is lost when a term of office ends", evidence.terms),
    31: ("As little work as can be afterwards", evidence.effort),
}


def rows(report: Report) -> list[Row]:
    """Return every row, in the guidance's order."""
    return [_row(report, number) for number in _ROWS]


def _row(report: Report, number: int) -> Row:
    asks, find = _ROWS[number]
    lines = tuple(find(report))
    if not lines:
        return Row(number, asks, NOTHING, ())
    bad = any(line.bad for line in lines)
    return Row(number, asks, ATTENTION if bad else SHOWN, lines)
