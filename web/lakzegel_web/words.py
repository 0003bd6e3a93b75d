# SPDX-License-Identifier: EUPL-1.2
"""Text for people, looked up in a room's own catalogue where it is shown (docs/adr/0018)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from lakzegel_core.words import DUTCH, ENGLISH, Words

LANGUAGES: Final = {DUTCH: "Nederlands", ENGLISH: "English"}  # Dutch first


@cache
def read_catalogue(folder: Path, name: str, language: str) -> Words:
    """Return a language's words; a wheel always has them, a checkout once it was set up."""
    if language == ENGLISH:
        return Words.plain()
    try:
        return Words.read((folder / language / name).read_bytes())
    except OSError:
        return Words.plain()


def text(english: str) -> str:
    """Return words that a page shows; they are looked up there, and a test finds them here."""
    return english


class Said:
    """Looks text up in one language, and fills its holes."""

    def __init__(self, words: Words) -> None:
        """Keep the words of the language."""
        self._words = words

    def __call__(self, english: str, **holes: object) -> str:
        """Return the text; what fills its holes is as it is."""
        found = self._words.one(english)
        return found.format(**holes) if holes else found
