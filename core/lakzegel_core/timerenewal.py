# SPDX-License-Identifier: EUPL-1.2
"""The text that renews tokens by being stamped itself (docs/spec/timestamps.md §6).

lakzegel.nl/timestamp-renewal/v1
log log.example/lakzegel
token 1042-qtsp 5wXq...= 9f86d081...      name, SHA-256 of the token's file, its root
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import check_name
from lakzegel_core.limits import DIGEST
from lakzegel_core.timenames import Name, place_of

KIND: Final = "lakzegel.nl/timestamp-renewal/v1"
MAX_TOKENS: Final = 10_000  # of one list
MAX_LIST: Final = 2**21  # bytes; a line has less than 210
_LINE_PARTS: Final = 4


@dataclass(frozen=True, slots=True)
class Renewed:
    """One token that a list renews."""

    name: str
    token: bytes  # SHA-256 of its file
    root: str  # the fingerprint


def list_text(origin: str, tokens: Sequence[Renewed]) -> bytes:
    """The list of these tokens, in their order."""
    lines = [KIND, f"log {origin}", *(f"token {t.name} {b64(t.token)} {t.root}" for t in tokens)]
    return "".join(f"{line}\n" for line in lines).encode()


def parse_list(data: bytes) -> tuple[str, tuple[Renewed, ...]]:
    """Origin and tokens of a list.

    Raises:
        FormatError: not the one encoding of one.
    """
    try:
        kind, log, *lines = data.decode("ascii").removesuffix("\n").split("\n")
    except ValueError:
        raise FormatError("timestamp renewal", "not ASCII, or too short") from None
    origin = check_name(log.removeprefix("log "))
    tokens = tuple(_token(line) for line in lines)
    ordered = [Name.parse(token.name) for token in tokens]
    if kind != KIND or not tokens or list_text(origin, tokens) != data:
        raise FormatError("timestamp renewal", "not the canonical encoding")
    if ordered != sorted(set(ordered)) or len(tokens) > MAX_TOKENS:
        raise FormatError("timestamp renewal", "out of order, twice the same, or too many")
    return origin, tokens


def _token(line: str) -> Renewed:
    parts = line.split(" ")
    if len(parts) != _LINE_PARTS or place_of(f"{parts[1]}.tsr") is None:
        raise FormatError("timestamp renewal", "a line that names no token")
    if place_of(f"{parts[3]}.pem") is None:
        raise FormatError("timestamp renewal", "a line that names no root")
    return Renewed(parts[1], unb64(parts[2], what="timestamp renewal", size=DIGEST), parts[3])
