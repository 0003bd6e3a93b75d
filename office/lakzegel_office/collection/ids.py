# SPDX-License-Identifier: EUPL-1.2
"""Keyed names of units and conversations, and the key of the index: docs/spec/collection.md §2.

A plain hash would confirm a guess ("was this message there?") for ever after the message was
destroyed. These are worth nothing without the office's index key.
"""

from __future__ import annotations

import base64
import hmac
import re
import unicodedata
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LENGTH: Final = 26  # characters of an id: 130 bits
LEAST_ALIKE: Final = 20  # characters of text under which equal texts say nothing
_LABEL: Final = b"lakzegel.nl/collection/v1/"
_KEY: Final = 32
_MARK: Final = 16  # bytes of a mark of likeness
_BLANK: Final = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+")


class Names:
    """Gives names under one index key."""

    def __init__(self, index_key: bytes) -> None:
        """Derive the three keys."""
        self.database = _derive(index_key, b"database")
        self._names = _derive(index_key, b"names")
        self._likeness = _derive(index_key, b"likeness")

    def name(self, *parts: str) -> str:
        """Return 26 small letters and digits for what these parts say together."""
        digest = hmac.digest(self._names, _joined(parts), "sha256")
        return base64.b32encode(digest).decode("ascii").lower()[:LENGTH]

    def likeness(self, text: str) -> bytes | None:
        """Return what equal texts have in common, None for one that is too short to tell."""
        plain = normalised(text)
        if len(plain) < LEAST_ALIKE:
            return None
        return hmac.digest(self._likeness, plain.encode("utf-8", "replace"), "sha256")[:_MARK]


def normalised(text: str) -> str:
    """Return a text as it is compared: compatible forms, small letters, single blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _BLANK.sub(" ", folded).strip()


def clean(text: str) -> str:
    """Return a text that any database takes: no half of a character, no zero."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


def _joined(parts: tuple[str, ...]) -> bytes:
    """Return one text that no other parts give."""
    coded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in coded)


def _derive(key: bytes, label: bytes) -> bytes:
    return HKDF(SHA256(), _KEY, salt=None, info=_LABEL + label).derive(key)
