# SPDX-License-Identifier: EUPL-1.2
"""Text for people in their language: which one they read, and a catalogue of gettext.

Text is written in English, where it is made; who shows it to a person looks it up here. What is
made elsewhere and kept (an error, a problem's detail) is known by its shape: the catalogue's

    msgid "{path}: cannot read the token file: {why}"

stands for every text of that shape, and what fills a hole is looked up likewise. Programs never
read what this returns. docs/adr/0018
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

DUTCH: Final = "nl"
ENGLISH: Final = "en"  # of the text as it is written
VARIABLES: Final = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # as gettext asks them
HOLE: Final = re.compile(r"\{(\w+)\}")
MAX_TEXT: Final = 4096  # characters; what is longer is nothing of ours
_NOBODY_CHOSE: Final = frozenset({"", "c", "posix"})
_PARTS: Final = ("; ", ": ")  # what texts are put together with
_FILLED: Final = "((?:(?![;:] ).)+?)"  # what fills a hole is one part, or of one
_WORDS: Final = re.compile(r"[^\W\d_]{2,} [^\W\d_]{2,}")


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the first variable which names one asks for: Dutch, or else English.

    Nobody chose the locale C, or no variable at all: then it is Dutch.
    """
    for name in VARIABLES:
        asked = [_code(part) for part in environment.get(name, "").split(":")]
        asked = [code for code in asked if code not in _NOBODY_CHOSE]
        if asked:
            return next((code for code in asked if code in {DUTCH, ENGLISH}), ENGLISH)
    return DUTCH


def _code(locale: str) -> str:
    """The language of ``nl_NL.UTF-8@euro``."""
    return re.split(r"[_.@-]", locale.strip(), maxsplit=1)[0].lower()


class Words:
    """Text in one language; without a catalogue, as it is written."""

    def __init__(self, catalogue: gettext.NullTranslations, messages: frozenset[str]) -> None:
        self._catalogue = catalogue
        self.messages = messages
        self._shapes: list[_Shape] | None = None  # few processes need them

    @classmethod
    def plain(cls) -> Words:
        """Text as it is written."""
        return cls(gettext.NullTranslations(), frozenset())

    @classmethod
    def read(cls, data: bytes) -> Words:
        """The catalogue in these bytes of a ``.mo`` file of our own making."""
        found = gettext.GNUTranslations(io.BytesIO(data))
        keys = vars(found)["_catalog"]
        return cls(found, frozenset(key for key in keys if isinstance(key, str) and key))

    def one(self, text: str) -> str:
        """A text of the catalogue."""
        return self._catalogue.gettext(text)

    def said(self, text: str) -> str:
        """A text that was made elsewhere: whole, by its shape, or part by part."""
        return self._look(text, []) if self.messages else text

    def unknown(self, text: str) -> list[str]:
        """The parts of such a text that have words and are not in the catalogue."""
        left: list[str] = []
        self._look(text, left)
        return left

    def _look(self, text: str, left: list[str]) -> str:
        """A text, or the longest ends of it that are known, with what stands before them."""
        return self._parts(text, _PARTS, left) if len(text) <= MAX_TEXT else text

    def _parts(self, text: str, marks: Sequence[str], left: list[str]) -> str:
        done = ""
        while (found := self._whole(text, left)) is None and marks:
            head, mark, rest = text.partition(marks[0])
            if not mark:
                return done + self._parts(text, marks[1:], left)
            done += self._parts(head, marks[1:], left) + mark
            text = rest
        if found is None and _WORDS.search(text):
            left.append(text)
        return done + (text if found is None else found)

    def _whole(self, text: str, left: list[str]) -> str | None:
        """A text that the catalogue has, as it is or by its shape."""
        if text in self.messages:
            return self.one(text)
        for shape in self._shaped():
            values = shape.values(text)
            if values is not None:
                filled = {name: self._look(value, left) for name, value in values.items()}
                return self.one(shape.message).format(**filled)
        return None

    def _shaped(self) -> list[_Shape]:
        """The catalogue's texts with holes, those that say most first."""
        if self._shapes is None:
            made = [_Shape(message) for message in self.messages if HOLE.search(message)]
            self._shapes = sorted(made, key=lambda one: (-one.weight, one.message))
        return self._shapes


class _Shape:
    """A text with holes, as something that other texts are compared with."""

    def __init__(self, message: str) -> None:
        self.message = message
        pieces = HOLE.split(message)  # text, name, text, …, text
        self._texts, self._names = pieces[::2], pieces[1::2]
        self.weight = sum(map(len, self._texts))

    def values(self, text: str) -> dict[str, str] | None:
        """What fills the holes; None where the text is of another shape."""
        if not (text.startswith(self._texts[0]) and text.endswith(self._texts[-1])):
            return None
        if not all(piece in text for piece in self._texts):
            return None
        found = re.fullmatch(_FILLED.join(map(re.escape, self._texts)), text, re.DOTALL)
        return None if found is None else dict(zip(self._names, found.groups(), strict=True))


def holes(message: str) -> Iterator[str]:
    """The names of a text's holes."""
    return (found[1] for found in HOLE.finditer(message))
