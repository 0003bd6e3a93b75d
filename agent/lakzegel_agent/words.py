# SPDX-License-Identifier: EUPL-1.2
"""The agent's text for people, in Dutch or English; imported where something is shown, no sooner.

A process that tells nobody anything has no catalogue. docs/adr/0018
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import AgentError
from lakzegel_agent.settingslanguage import language
from lakzegel_core.errors import LakzegelError
from lakzegel_core.words import ENGLISH, Words

CATALOGUES: Final = Path(__file__).parent / "locale"
NAME: Final = "LC_MESSAGES/lakzegel_agent.mo"
REFUSALS: Final = (  # what the core's errors come down to, the nearest first; their text is exact
    ("missing-signature", "a signature is missing"),
    ("signature", "a signature does not hold"),
    ("proof", "a proof does not hold"),
    ("decrypt", "a key does not open this"),
    ("chain", "it does not fit this device's chain"),
    ("admission", "this device may not take part"),
    ("policy", "the policy may not be applied"),
    ("content", "it is not what was committed to"),
    ("format", "it is not in the form that was agreed"),
    ("error", "it was refused"),
)


def words() -> Words:
    """What text is looked up in."""
    return read_words(language())


def of_error(error: Exception) -> str:
    """An error in a line; the core's exact text is in English, after what it comes down to."""
    found = words()
    text = str(error)
    if not found.unknown(text):
        return found.said(text)
    codes = [getattr(kind, "code", "") for kind in type(error).__mro__]
    if isinstance(error, AgentError) or not isinstance(error, LakzegelError) or not found.messages:
        return found.said(text)
    why = next(why for code, why in REFUSALS if code in codes)
    return f"{found.one(why)} ({text})"


@cache
def read_words(language: str) -> Words:
    """A wheel always has the catalogue; a checkout has it once it was set up."""
    if language == ENGLISH:
        return Words.plain()
    try:
        return Words.read((CATALOGUES / language / NAME).read_bytes())
    except OSError:
        return Words.plain()
