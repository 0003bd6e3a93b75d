# SPDX-License-Identifier: EUPL-1.2
"""What a person types, as a question to the full text: never a syntax error, never an operator.

    stukken commissie    both words
    "geachte heer"       this phrase
    begrot*              a word that begins so

Everything else is taken as blanks between words, as the index itself takes it.
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_office.collection.ids import clean

MAX_QUERY: Final = 2_000  # characters
MAX_TERMS: Final = 64
_TERM: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
_WORDS: Final = re.compile(r"[^\W_]+", re.UNICODE)

_UNSEEN: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def match_of(text: str) -> str | None:
    """Return the question, or None where there is no word in it."""
    terms = []
    for phrase, word in _TERM.findall(clean(text[:MAX_QUERY]))[:MAX_TERMS]:
        found = _WORDS.findall(phrase or word)
        if found:
            star = "*" if word.endswith("*") else ""
            terms.append(f'"{" ".join(found)}"{star}')
    return " AND ".join(terms) or None


def found_by(text: str) -> str:
    """Return a text as it is indexed: with what is unseen as it stands, and once more without.

    A mark within a word hides that from nobody, and one between two does not make them one.
    """
    plain = "" if text.isascii() else _UNSEEN.sub("", text)
    return clean(text if text.isascii() or plain == text else f"{text}\n{plain}")


def phrase_of(text: str) -> str | None:
    """Return the question for these words in this order, or None where there is none."""
    found = _WORDS.findall(clean(text[:MAX_QUERY]))
    return f'"{" ".join(found)}"' if found else None


def has_words(text: str) -> bool:
    """Whether there is anything to search for."""
    return match_of(text) is not None
