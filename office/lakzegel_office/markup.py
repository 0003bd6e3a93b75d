# SPDX-License-Identifier: EUPL-1.2
"""A mail's HTML, kept from costing a parser of HTML more time than its size is worth.

Such a parser walks through what is open at each element, and opens formatting elements anew in each
paragraph: 200,000 times `<div>`, or 2,000 times `<b x=1><p>` with another number each, keep it busy
for minutes. So does a long row of `&`, each of which `nh3` adds to the text before it by copying
that. Formatting elements that are alike it opens three times at most; so their attributes are left
out.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TAGS: Final = 20_000
MAX_DEPTH: Final = 128  # of elements that nobody closed
MAX_OTHERS: Final = 50_000  # references, and `<` that begin no tag
_MARK: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)|[<&]")
_FORMATTING: Final = re.compile(
    r"(?i)<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>"
)
_CLOSED: Final = frozenset(  # by the next of their kind, or at once
    {"area", "base", "br", "col", "dd", "dt", "hr", "img", "input", "li", "link", "meta", "option"}
    | {"p", "tbody", "td", "th", "thead", "tr", "wbr"}
)


def bounded(source: str, most: int) -> str:
    """Return the begin of HTML, at most so many characters, tags and references, not too deep."""
    plain = _FORMATTING.sub(r"<\1>", source[:most])
    depth = tags = others = 0
    for found in _MARK.finditer(plain):
        tags += found[2] is not None
        others += found[2] is None
        if found[2] and found[2].lower() not in _CLOSED:
            depth = max(depth - 1, 0) if found[1] else depth + 1
        if depth > MAX_DEPTH or tags > MAX_TAGS or others > MAX_OTHERS:
            return plain[: found.start()]
    return plain
