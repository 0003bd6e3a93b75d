# SPDX-License-Identifier: EUPL-1.2
"""Names of files and folders that every system and every e-depot takes.

docs/spec/transfer.md §3. A name is letters, digits, `-` and `_` of ASCII, then ten characters of
the object's id, then perhaps a number and an ending; so no name is reserved, hidden, or differs
from another by case alone. The real title stands in the metadata.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from mimetypes import MimeTypes
from typing import Final

MAX_WORDS: Final = 36  # characters of the title
MAX_ENDING: Final = 8
UNIQUE: Final = 10  # characters of the id: 50 bits
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]+")
_ENDING: Final = re.compile(r"\.([A-Za-z0-9]{1,8})\Z")
MEDIA_TYPES: Final = MimeTypes()  # what Python has: never what this machine's files add to that
EMPTY: Final = "zonder-titel"


@dataclass(slots=True)
class Names:
    """Hands out names; none twice in one delivery, whatever the case."""

    _taken: set[str] = field(default_factory=set)

    def take(self, title: str, unique: str, ending: str = "") -> str:
        """Return a new name of a title, an id and an ending with its dot."""
        stem = f"{words_of(title)}-{unique[:UNIQUE]}"
        number = 1
        while (name := f"{stem}{'' if number == 1 else f'-{number}'}{ending}").lower() in (
            self._taken
        ):
            number += 1
        self._taken.add(name.lower())
        return name

    def own(self, name: str) -> str:
        """Return one of our own names, which nothing else can have.

        Raises:
            ValueError: it was handed out already.
        """
        if name.lower() in self._taken:
            raise ValueError(name)
        self._taken.add(name.lower())
        return name


def words_of(title: str) -> str:
    """Return what is left of a title in letters, digits, `-` and `_` of ASCII."""
    plain = unicodedata.normalize("NFKD", title[: 8 * MAX_WORDS])
    text = plain.encode("ascii", "ignore").decode("ascii")
    return _OTHER.sub("-", text).strip("-_")[:MAX_WORDS].rstrip("-_") or EMPTY


def ending_of(name: str, otherwise: str = ".bin") -> str:
    """Return a file name's ending with its dot, in small letters."""
    found = _ENDING.search(name)
    return f".{found[1].lower()}" if found else otherwise
