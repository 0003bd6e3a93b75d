# SPDX-License-Identifier: EUPL-1.2
"""Markings of state secrets: Dutch ones, NATO's and the EU's (docs/spec/guards.md §8).

    Stg. ZEER GEHEIM   Stg. GEHEIM   Stg. CONFIDENTIEEL   Departementaal VERTROUWELIJK   DEP.V.
    COSMIC TOP SECRET   NATO SECRET   NATO CONFIDENTIAL   NATO RESTRICTED
    TRES SECRET UE   SECRET UE   CONFIDENTIEL UE   RESTREINT UE   EU RESTRICTED …

Every expression begins with a fixed word, so that text without it costs a search for that word
alone, and every repeat in it has an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_GAP: Final = r"[\s>|*_/-]{1,8}"  # also a new line of a mail that is quoted
_DOT: Final = rf"(?:\s{{0,2}}[.:]{{1,2}}[\s>|*_-]{{0,8}}|{_GAP})"  # behind an abbreviation
_FILE: Final = (  # what the name of a file ends in
    "pdf|docx?|xlsx?|pptx?|od[tsp]|txt|rtf|csv|msg|eml|zip|7z|html?|xml|json|png|jpe?g|gif|tiff?"
)
_END: Final = rf"(?![^\W_]|_[^\W_]|\.(?:{_FILE})(?![^\W_]))"
_UNSEEN: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"  # soft hyphens, marks without width
_NEAR: Final = 17  # characters beside a lone word that tell whether it has its line to itself
_ALONE: Final = (re.compile(r"(?:\A|\n)[^\w\n]{0,16}\Z"), re.compile(r"[^\w\n]{0,16}(?:\n|\Z)"))
_RUBRIC: Final = re.compile(r"(?:rubricering|classificatie|merking)[^\w\n]{1,8}\Z")
_RUBRIC_SIZE: Final = 24

Marking = tuple[str, re.Pattern[str]]


def _spaced(*words: str) -> str:
    """Return what matches one of these words, typed with a space between its letters too."""
    return "(?:" + "|".join(r"\s?".join(word) for word in words) + ")"


def _marking(word: str, rest: str = "") -> Marking:
    r"""Return a marking that begins with a word: not within another one, nor within a path.

    ``map/stg. geheim`` and ``nota_stg. geheim`` are names.
    """
    fixed = re.escape(word)
    before = rf"(?<![^\W_]{fixed})(?<![^\W_][-_./\\]{fixed})"
    return word, re.compile(fixed + before + rest + _END)


_LEVEL: Final = rf"(?:{_spaced('zeer')}{_GAP})?{_spaced('geheim', 'confidentieel')}"
_ANY_CASE: Final = (
    _marking("stg", _DOT + _LEVEL),
    _marking("staatsgeheim", _DOT + _LEVEL),
    _marking("departementaal", _GAP + _spaced("vertrouwelijk")),
    _marking("dep", _DOT + _spaced("vertrouwelijk")),
    _marking("dep.v", r"\.?"),
    _marking("cosmic", f"{_GAP}top{_GAP}secret"),
    _marking("nato", f"{_GAP}(?:secret|confidential|restricted)"),
    _marking("restreint", f"{_GAP}ue"),
    _marking("confidentiel", f"{_GAP}ue"),
    _marking("secret", f"{_GAP}ue"),
    _marking("tr", rf"(?:e\u0300?|è)s{_GAP}secret{_GAP}ue"),  # the line above finds most of them
)
_AS_WRITTEN: Final = (  # in other letters these are words of a sentence
    _marking("STAATSGEHEIM"),
    _marking("DEP", r"\.?\s{1,2}V\."),
    _marking("Dep", r"\.?\s{1,2}V\."),
    _marking("EU", rf"{_GAP}(?:TOP{_GAP}SECRET|SECRET|CONFIDENTIAL|RESTRICTED)"),
)
_LONE: Final = _marking("staatsgeheim")


def is_marked(text: str) -> bool:
    """Return whether a text bears a marking, in time linear in its length."""
    for mark in _UNSEEN:
        text = text.replace(mark, "")
    lower = text.lower()
    return _any(_AS_WRITTEN, text) or _any(_ANY_CASE, lower) or _stands_alone(lower)


def _any(markings: Iterable[Marking], text: str) -> bool:
    return any(word in text and pattern.search(text) for word, pattern in markings)


def _stands_alone(text: str) -> bool:
    """Return whether the one word has a line to itself, or stands behind ``Rubricering:``."""
    word, pattern = _LONE
    if word not in text:
        return False
    before, after = _ALONE
    for found in pattern.finditer(text):
        start, end = found.span()
        if _RUBRIC.search(text[max(0, start - _RUBRIC_SIZE) : start]):
            return True
        if before.search(text[max(0, start - _NEAR) : start]) and after.match(
            text[end : end + _NEAR]
        ):
            return True
    return False
