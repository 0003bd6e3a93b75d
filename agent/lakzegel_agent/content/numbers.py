# SPDX-License-Identifier: EUPL-1.2
"""Citizen service numbers: nine digits that pass the eleven-test (docs/spec/guards.md §8).

    BSN 111222333      burgerservicenummer: 1112.22.333      sofi-nr. 111-222-333

One in eleven numbers of nine digits passes by chance. So one counts as found only where a word
that names it stands within 64 characters; one without is only counted.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

DIGITS: Final = 9
BESIDE: Final = 64  # characters between a number and the word that names it
_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_MODULUS: Final = 11
_NUMBER_WORD: Final = r"n(?:umme)?r\.?"
_WORD: Final = re.compile(
    r"(?<![^\W\d_])(?:"
    rf"bsn(?:[\s-]?{_NUMBER_WORD}|r)?"
    rf"|burger[\s-]?service[\s-]?{_NUMBER_WORD}"
    rf"|sofi[\s-]?{_NUMBER_WORD}"
    rf"|(?:sociaal|social)[\s-]?fisca(?:al|l)[\s-]?{_NUMBER_WORD}"
    r"|citizen[\s-]{1,2}service[\s-]{1,2}n(?:umber|o\.?)"
    r")s?(?![^\W\d_])",
    re.IGNORECASE,
)
_HINTS: Final = ("bsn", "burger", "sofi", "fisca", "citizen")  # one is in every such word
_BETWEEN: Final = r"[ .\u00a0\u2009\u202f-]"
_NUMBER: Final = re.compile(  # groups of one kind, or none: 111 222 333, 1112.22.333, 11-12-22-333
    r"[0-9](?<![0-9][0-9])"  # a digit first: the search for one is what most texts cost
    rf"(?:[0-9]{{1,3}}({_BETWEEN})(?:[0-9]{{2,3}}\1|[0-9]{{2}}\1[0-9]{{2}}\1)[0-9]{{3}}|[0-9]{{7,8}})"
    r"(?![0-9])"
)
_DIGITS: Final = re.compile("[0-9]")
_BEFORE: Final = 12  # characters that tell what a number is a part of
_CALLING: Final = re.compile(  # the beginning of a telephone number
    r"(?:\+[0-9]{1,3}(?:[ -]?\(?[0-9]{1,3}\)?)?|\([0-9]{1,4}\)|(?<![0-9])0[0-9]{1,3})[ -]{1,2}\Z"
)


class Numbers(NamedTuple):
    """Whether numbers that pass are in a text: with a word that names one, and without."""

    named: bool
    bare: bool


def passes(digits: str) -> bool:
    """Return whether a number of eight or nine digits passes the eleven-test; zero does not."""
    value = digits.zfill(DIGITS)
    total = sum(w * int(d) for w, d in zip(_WEIGHTS, value, strict=True))
    return total % _MODULUS == 0 and value.strip("0") != ""


def numbers(text: str) -> Numbers:
    """Return what a text has, in time linear in its length (but for a look-up of the words)."""
    words = _words(text)
    starts, ends = [start for start, _ in words], [end for _, end in words]
    bare = False
    for start, end in _passing(text, frozenset(ends)):
        after, before = bisect_left(starts, end), bisect_right(ends, start)
        if after < len(starts) and starts[after] - end <= BESIDE:
            return Numbers(True, bare)
        if before and start - ends[before - 1] <= BESIDE:
            return Numbers(True, bare)
        bare = True
    return Numbers(False, bare)


def _words(text: str) -> list[tuple[int, int]]:
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return []
    return [found.span() for found in _WORD.finditer(text)]


def _passing(text: str, ends: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Yield where numbers that pass lie; ``ends`` of words may touch one: ``BSN111222333``."""
    for found in _NUMBER.finditer(text):
        start, end = found.span()
        digits = "".join(_DIGITS.findall(found[0]))
        if (
            DIGITS - 1 <= len(digits) <= DIGITS
            and passes(digits)
            and _stands_alone(text, start, end, ends, grouped=found[1] is not None)
        ):
            yield start, end


def _stands_alone(text: str, start: int, end: int, ends: frozenset[int], *, grouped: bool) -> bool:
    """Return whether a number is no part of a longer one, of a word, or of a telephone number."""
    joins = " .,:-\u00a0\u2009\u202f" if grouped else ".,-"
    after, before = text[end : end + 2], text[max(0, start - _BEFORE) : start]
    if after[:1].isalnum() or (after[:1] and after[0] in joins and after[1:].isdigit()):
        return False
    last = before[-1:]
    if last == "+" or (last.isalnum() and start not in ends):
        return False
    if last and last in joins and before[-2:-1].isdigit():
        return False
    return _CALLING.search(before) is None
