# SPDX-License-Identifier: EUPL-1.2
"""PDF/A of a template and data: the same bytes each time, and no text is ever markup.

docs/adr/0025. typst's own fonts have Latin, Greek, Cyrillic and signs; what they have not is shown
as its code point, for a PDF/A may not have a character without a shape.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import typst

_TEMPLATES: Final = resources.files("lakzegel_office.transfer") / "templates"
_RANGES: Final = (
    "\n\x20-\x7e\xa0-\u02af\u0370-\u03ff\u0400-\u04ff\u1e00-\u1eff\u2010-\u2027\u2030-\u205e"
    "\u20a0-\u20bf\u2100-\u214f\u2190-\u22ff\u2500-\u257f"
)
_NOT_SHOWN: Final = re.compile(f"[^{_RANGES}]")
_DOUBTFUL: Final = re.compile("[\xad\u0370-\u03ff]")
_LONG: Final = re.compile(r"\S{24}(?=\S{8})")
_BREAK: Final = "\u200b"  # where a line may end; without it a long word runs off the page
STANDARD: Final = "a-2a"


def pdf(template: str, data: Mapping[str, Any]) -> bytes:
    """Return the PDF/A-2a that a template of ours makes of data, whose texts must be `printed`."""
    made: bytes = typst.compile(
        (_TEMPLATES / template).read_bytes(),
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"page": json.dumps(data)},
        pdf_standards=[STANDARD],
    )
    return made


def printed(text: str) -> str:
    """Return a text with the code point of each character that has no shape in our fonts.

    Where a long word may be broken it says so.
    """
    return _LONG.sub(lambda match: f"{match[0]}{_BREAK}", shaped(text))


def shaped(text: str) -> str:
    """Return the same without a place to break."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\t", "    "))
    return _DOUBTFUL.sub(_assigned, _NOT_SHOWN.sub(_code, plain))


def _code(match: re.Match[str]) -> str:
    return f"[U+{ord(match[0]):04X}]"


def _assigned(match: re.Match[str]) -> str:
    shown = unicodedata.category(match[0]) not in ("Cn", "Cf")
    return match[0] if shown else _code(match)
