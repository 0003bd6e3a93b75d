# SPDX-License-Identifier: EUPL-1.2
"""The report's text, in Dutch or English; docs/adr/0018."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from lakzegel_core.words import DUTCH, ENGLISH, Words
from lakzegel_office.reports.evidence import Line

CATALOGUES: Final = Path(__file__).parent.parent / "locale"
NAME: Final = "LC_MESSAGES/lakzegel_report.mo"
LANGUAGES: Final = (DUTCH, ENGLISH)
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ")


class Said:
    """Looks text up in one language, and fills its holes."""

    def __init__(self, words: Words) -> None:
        """Keep the catalogue."""
        self._words = words

    def __call__(self, english: str, **holes: object) -> str:
        """Return the text; what fills its holes is looked up where it is a word of ours."""
        found = self._words.one(english)
        return found.format(**{name: self._hole(one) for name, one in holes.items()})

    def line(self, line: Line) -> str:
        """Return a line of evidence."""
        return self(line.text, **line.holes)

    def _hole(self, value: object) -> object:
        """Return a word of ours in the language, and a moment as people read it."""
        if not isinstance(value, str) or not value:
            return value
        moment = _MOMENT.fullmatch(value)
        return f"{moment[1]} {moment[2]} UTC" if moment else self._words.one(value)


@cache
def said_in(language: str) -> Said:
    """Return what says it in a language; a wheel always has the catalogue."""
    if language == ENGLISH:
        return Said(Words.plain())
    return Said(Words.read((CATALOGUES / language / NAME).read_bytes()))
