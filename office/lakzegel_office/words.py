# SPDX-License-Identifier: EUPL-1.2
"""The office's text for people, in Dutch or English; what programs read is never translated.

docs/adr/0018
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from lakzegel_core.words import ENGLISH, Words

CATALOGUES: Final = Path(__file__).parent / "locale"
NAME: Final = "LC_MESSAGES/lakzegel_office.mo"


@cache
def read_words(language: str) -> Words:
    """Return a language's words; a checkout has them once it was set up."""
    if language == ENGLISH:
        return Words.plain()
    try:
        return Words.read((CATALOGUES / language / NAME).read_bytes())
    except OSError:
        return Words.plain()


def text(english: str) -> str:
    """Return words that a page shows; they are looked up there, and a test finds them here."""
    return english
