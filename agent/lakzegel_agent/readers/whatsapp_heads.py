# SPDX-License-Identifier: EUPL-1.2
"""How a message begins in a WhatsApp export: what the first line of a file tells of the others.

    12-03-2024 09:15 - Jan: tekst             Android, Dutch
    3/12/24, 9:15 AM - Jan: text              Android, American; a no-break space before AM
    [12-03-2024 09:15:22] Jan: tekst          iPhone, Dutch

The first line tells which of these a file speaks; a line in another one is text that somebody
pasted. docs/spec/sources.md
"""

import re
from typing import Final

MARKS: Final = rb"(?:\xe2\x80\x8e|\xe2\x80\x8f|\xef\xbb\xbf){0,4}"  # LRM, RLM, byte order mark
SPACE: Final = rb"(?:[ ]|\xc2\xa0|\xe2\x80\xaf)"  # also no-break, and narrow no-break
LONGEST: Final = 128  # bytes of the longest head of a line
_HALF: Final = SPACE + rb"?[AaPp]\.?" + SPACE + rb"?[Mm]\.?"
FIRST: Final = re.compile(
    MARKS
    + rb"(?P<open>\[?)(?P<date>[0-9]{1,4}(?P<sep>[-/.])[0-9]{1,2}(?P=sep)[0-9]{2,4})(?P<comma>,?) "
    + rb"(?P<clock>[0-9]{1,2}(?P<colon>[:.])[0-9]{2}(?P<seconds>(?P=colon)[0-9]{2})?"
    + rb"(?P<half>" + _HALF + rb")?)(?P<close>\] | - )"
)  # fmt: skip


def is_head(first: re.Match[bytes]) -> bool:
    """Return whether what opens with a bracket closes with one."""
    return bool(first["open"]) == first["close"].startswith(b"]")


def layout_of(start: bytes) -> bytes | None:
    """Return the pattern of what begins a message in a file that starts so; None: it is no chat.

    Its groups are ``date`` and ``clock``.
    """
    first = FIRST.match(start)
    if first is None or not is_head(first):
        return None
    clock = rb"[0-9]{1,2}" + re.escape(first["colon"]) + rb"[0-9]{2}"
    if first["seconds"]:
        clock += re.escape(first["colon"]) + rb"[0-9]{2}"
    if first["half"]:
        clock += _HALF
    return (
        MARKS + re.escape(first["open"]) + rb"(?P<date>" + _date(first) + rb")"
        + first["comma"] + rb" (?P<clock>" + clock + rb")" + re.escape(first["close"])
    )  # fmt: skip


def _date(first: re.Match[bytes]) -> bytes:
    """Return the pattern of a date like the first one: its separator, and where its year stands."""
    separator = re.escape(first["sep"])
    numbers = first["date"].split(first["sep"])
    shapes = (rb"[0-9]{4}" if len(number) > 2 else rb"[0-9]{1,2}" for number in numbers)  # noqa: PLR2004
    return separator.join(shapes)
