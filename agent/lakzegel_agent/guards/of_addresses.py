# SPDX-License-Identifier: EUPL-1.2
"""Addresses of mail in a text, and which of them are outside the agreed domains.

    "Vries, J. de" <jan@minxyz.example>, piet@elders.example

A sub-domain of an agreed domain is not agreed. Time is linear in the length of the text.
docs/spec/settings-guarded.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

MAX_TEXT: Final = 64 * 1024  # characters of a list of addresses
_TOKEN: Final = re.compile(
    r"\"(?:[^\"\\]|\\.){0,65536}+\"?|<[^<>]{0,65536}+>?|\([^()]{0,65536}+\)?|[,;]"
    r"|[^\"<(,;]{1,65536}+",
    re.DOTALL,
)
_ADDRESS: Final = re.compile(r"([^\s@<>,;:\"()\[\]\\]{1,64})@([^\s@<>,;:\"()\[\]\\]{1,253})")
_UNSURE: Final = "\ufffd"


def addresses(text: str) -> list[str] | None:
    """Return every address of a list, None where one of its parts is not understood."""
    found = list(_parts(text)) if len(text) <= MAX_TEXT else [None]
    return None if None in found else [one for one in found if one is not None]


def addresses_in(text: str) -> list[str]:
    """Return every address of a list that is understood."""
    return [one for one in _parts(text[:MAX_TEXT]) if one is not None]


def domain_of(address: str) -> str:
    """Return an address's domain as domains are compared: lower case, in ASCII where it can be."""
    name = address.rpartition("@")[2].rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return name
    return name


def outside(found: Iterable[str], domains: frozenset[str]) -> list[str]:
    """Return the addresses of which the domain is not an agreed one, each once, in order."""
    return sorted({one.lower() for one in found if domain_of(one) not in domains})


def _parts(text: str) -> Iterator[str | None]:
    """Yield an address a part of the list; None for a part that is none."""
    plain, angle, other = "", "", False
    for match in _TOKEN.finditer(text + ","):
        token = match[0]
        if token in {",", ";"}:
            if angle or plain.strip() or other:
                yield _address(angle, plain)
            plain, angle, other = "", "", False
        elif token.startswith("<"):
            angle = token
        elif token.startswith('"'):
            other = True
        elif not token.startswith("("):
            plain += token


def _address(angle: str, plain: str) -> str | None:
    """Return the address between angles, or the text itself, behind the name of a group."""
    text = angle[1:-1] if angle.endswith(">") else angle or plain.rpartition(":")[2]
    match = _ADDRESS.fullmatch(text.strip())
    return None if match is None or _UNSURE in match[0] else match[0]
