# SPDX-License-Identifier: EUPL-1.2
"""The text of our notes: labelled lines in a fixed order.

    lakzegel.nl/held/v1
    log log.example/lakzegel
    size 1042
    root CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
    at 2026-11-24T02:07:45Z

docs/spec/notes.md §4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError
from lakzegel_core.limits import DIGEST

PREFIX: Final = "lakzegel.nl/"
VERSION: Final = "/v1"
NONE: Final = "-"
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def kind_line(kind: str) -> str:
    """The first line of a note of this kind, without newline."""
    return f"{PREFIX}{kind}{VERSION}"


def kind_of_text(text: bytes) -> str:
    """The kind that a note's first line states.

    Raises:
        FormatError: the first line is not ours.
    """
    line = text.split(b"\n", 1)[0]
    kind = line.removeprefix(PREFIX.encode()).removesuffix(VERSION.encode())
    if kind_line(kind.decode("utf-8", "replace")).encode() != line or not kind:
        raise FormatError("note", "its first line is not a kind of Lakzegel's")
    return kind.decode()


def encode(kind: str, origin: str, lines: Sequence[tuple[str, str]]) -> bytes:
    """The text of a note: kind, log, then the lines as given."""
    rows = [kind_line(kind), f"log {origin}", *(f"{label} {value}" for label, value in lines)]
    text = "\n".join(rows) + "\n"
    if text.count("\n") != len(rows):
        raise FormatError(kind, "a value holds a newline")
    return text.encode()


class Lines:
    """Takes the labelled lines of a text one by one, in order."""

    def __init__(self, text: bytes, kind: str) -> None:
        """Begin after the kind and log lines; raises FormatError when they are not there."""
        try:
            rows = text.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise FormatError(kind, "not UTF-8") from None
        if rows.pop() != "":
            raise FormatError(kind, "does not end with a newline")
        if not rows or rows[0] != kind_line(kind):
            raise FormatError(kind, f"its first line is not {kind_line(kind)}")
        self._kind = kind
        self._rows = rows
        self._at = 1
        self.origin = self.take("log")

    def take(self, label: str) -> str:
        """The value of the next line, which must have this label."""
        if not self.next_is(label):
            raise FormatError(self._kind, f"line {self._at + 1} is not '{label} …'")
        self._at += 1
        return self._rows[self._at - 1][len(label) + 1 :]

    def take_all(self, label: str) -> tuple[str, ...]:
        """The values of all lines with this label that come next."""
        values = []
        while self.next_is(label):
            values.append(self.take(label))
        return tuple(values)

    def next_is(self, label: str) -> bool:
        """Whether the next line has this label."""
        return self._at < len(self._rows) and self._rows[self._at].startswith(label + " ")

    def end(self) -> None:
        """Return when no line is left."""
        if self._at != len(self._rows):
            raise FormatError(self._kind, f"line {self._at + 1} does not belong")


def require_same(kind: str, again: bytes, text: bytes) -> None:
    """Return when what was parsed encodes to the very same text.

    Raises:
        FormatError: it does not.
    """
    if again != text:
        raise FormatError(kind, "not the canonical encoding")


def slug(value: str, *, what: str) -> str:
    """A name of 1 to 63 lower-case letters, digits and inner hyphens."""
    if not _SLUG.match(value):
        raise FormatError(what, "not a name of a-z, 0-9 and inner hyphens, at most 63")
    return value


def digest(value: str, *, what: str) -> bytes:
    """The 32 bytes of a base64 SHA-256."""
    return unb64(value, what=what, size=DIGEST)


def optional_digest(value: str, *, what: str) -> bytes | None:
    """A digest, or None for ``-``."""
    return None if value == NONE else digest(value, what=what)


def show_digest(value: bytes | None) -> str:
    """The text of a digest, ``-`` for None."""
    return NONE if value is None else b64(value)
