# SPDX-License-Identifier: EUPL-1.2
"""A mail's HTML, kept from costing a parser of HTML more time than its size is worth.

Such a parser walks through what is open at each element, and opens formatting elements anew in each
paragraph: 200,000 times `<div>`, or 2,000 times `<b x=1><p>` with another number each, keep it busy
for minutes. So does a long row of `&`, each of which `nh3` adds to the text before it by copying
that. Formatting elements that are alike it opens three times at most; so their attributes are left
out. Each attribute of a tag it compares with those before it.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TAGS: Final = 20_000
MAX_DEPTH: Final = 128  # of elements that nobody closed
MAX_OTHERS: Final = 50_000  # references, and `<` that begin no tag
MAX_ATTRIBUTES: Final = 1_000  # of one tag
_LOOKED: Final = 4  # times as many characters as the HTML has, that are looked at for attributes
_MARK: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)|[<&]")
_FORMATTING: Final = re.compile(
    r"(?i)<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>"
)
_NAME: Final = re.compile(r"[^ \t\n\f\r/>]*")
_ATTRIBUTE: Final = re.compile(  # as the HTML standard's tokenizer reads one, §13.2.5.32 to .39
    r"[ \t\n\f\r/]*[^ \t\n\f\r/>][^ \t\n\f\r/>=]*"
    r"""(?:[ \t\n\f\r]*=[ \t\n\f\r]*(?:"[^"]*"?|'[^']*'?|[^ \t\n\f\r>]*))?"""
)
_CLOSED: Final = frozenset(  # by the next of their kind, or at once
    {"area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option"}
    | {"p", "tbody", "td", "th", "thead", "tr", "wbr"}
)


def bounded(source: str, most: int) -> str:
    """Return the begin of HTML, at most so many characters, tags and references, not too deep."""
    plain = _without_attributes(source[:most])
    depth = tags = others = looked = 0
    for found in _MARK.finditer(plain):
        tags += found[2] is not None
        others += found[2] is None
        if found[2] and found[2].lower() not in _CLOSED:
            depth = max(depth - 1, 0) if found[1] else depth + 1
        if depth > MAX_DEPTH or tags > MAX_TAGS or others > MAX_OTHERS:
            return plain[: found.start()]
        if found[2]:
            end = _end_of_attributes(plain, found.end())
            looked += (end or 0) - found.end()
            if end is None or looked > _LOOKED * len(plain):
                return plain[: found.start()]
    return plain


def _without_attributes(source: str) -> str:
    """Return HTML whose formatting elements are alike; what no `>` ends is no tag."""
    last = source.rfind(">") + 1
    return _FORMATTING.sub(r"<\1>", source[:last]) + source[last:]


def _end_of_attributes(source: str, start: int) -> int | None:
    """Return where the attributes of a tag end that begins before `start`, None for too many.

    A tag within a value, a comment or a script is taken for one: the parser may take it so, too.
    """
    found = _NAME.match(source, start)
    for _ in range(MAX_ATTRIBUTES + 1):
        end = found.end() if found else start
        found = _ATTRIBUTE.match(source, end)
        if found is None:
            return end
    return None
