# SPDX-License-Identifier: EUPL-1.2
"""A mail's HTML, kept from costing a parser of HTML more time than its size is worth.

Such a parser walks through what is open at each element, and opens formatting elements anew in each
paragraph: 200,000 times `<div>`, or 2,000 times `<b x=1><p>` with another number each, keep it busy
for minutes. Those that are alike it opens three times at most; so their attributes are left out.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TAGS: Final = 20_000
_TAG: Final = re.compile(r"</?[A-Za-z]")
_FORMATTING: Final = re.compile(
    r"(?i)<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*>"
)


def bounded(source: str, most: int) -> str:
    """Return the begin of HTML, at most so many characters of it, and as many tags as are let."""
    plain = _FORMATTING.sub(r"<\1>", source[:most])
    for number, tag in enumerate(_TAG.finditer(plain)):
        if number == MAX_TAGS:
            return plain[: tag.start()]
    return plain
