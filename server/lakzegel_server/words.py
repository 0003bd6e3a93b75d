# SPDX-License-Identifier: EUPL-1.2
"""The receiver's text for people, in Dutch or English; what programs read is never translated.

docs/adr/0018
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lakzegel_core.words import Words
from lakzegel_web.words import read_catalogue
from lakzegel_web.words import text as text  # noqa: PLC0414 - the room takes it from here

CATALOGUES: Final = Path(__file__).parent / "locale"
NAME: Final = "LC_MESSAGES/lakzegel_server.mo"


def read_words(language: str) -> Words:
    """The receiver's words in a language."""
    return read_catalogue(CATALOGUES, NAME, language)
