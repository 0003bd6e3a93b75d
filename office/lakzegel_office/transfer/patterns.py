# SPDX-License-Identifier: EUPL-1.2
"""`opf-fido` with its patterns read once: docs/spec/transfer.md §4.

The library asks its XML for each of 2,000 patterns anew at every file, which is 10 milliseconds a
file and nearly all that it does. The formats that it finds are the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from fido.fido import Fido

Match = tuple[Any, str]  # the format's element, and the name of what fitted
_EOF: Final = "EOF"
_BOF: Final = "BOF"


class _Signature(NamedTuple):
    """Patterns that must all be found."""

    name: str
    patterns: tuple[tuple[str, re.Pattern[bytes]], ...]


class Fast(Fido):  # type: ignore[misc]  # the library has no types
    """The library, asked about one file at a time."""

    def __init__(self, **settings: object) -> None:
        """Load signatures as the library does, and compile them."""
        super().__init__(**settings)
        self._compiled = [(one, tuple(self._signatures(one))) for one in self.formats]
        self._by_ending: dict[str, list[Match]] = {}
        self._all_of_ending: dict[str, list[Any]] = {}

    def match_formats(self, bofbuffer: bytes, eofbuffer: bytes) -> list[Match]:
        """Return the formats whose patterns are in a file's begin and end, the best of them."""
        found: list[Match] = []
        for one, signatures in self._compiled:
            if signatures and self.as_good_as_any(one, found):
                for name, patterns in signatures:
                    if _fits(patterns, bofbuffer, eofbuffer):
                        found.append((one, name))
        return [match for match in found if self.as_good_as_any(match[0], found)]

    def match_extensions(self, filename: str) -> list[Match]:
        """Return the formats that a file's ending belongs to."""
        ending = os.path.splitext(filename)[1].lower()  # noqa: PTH122  # as the library has it
        if ending not in self._by_ending:
            self._by_ending[ending] = super().match_extensions(filename)
        return self._by_ending[ending]

    def of_ending(self, filename: str) -> list[Any]:
        """Return every format that a file's ending belongs to, rare ones too."""
        ending = os.path.splitext(filename)[1].lower().lstrip(".")  # noqa: PTH122
        if ending not in self._all_of_ending:
            self._all_of_ending[ending] = [
                one
                for one in self.formats
                if any(known.text == ending for known in one.findall("extension"))
            ]
        return self._all_of_ending[ending]

    def _signatures(self, one: Any) -> Iterator[_Signature]:  # noqa: ANN401  # an XML element
        for signature in self.get_signatures(one):
            patterns = tuple(
                (self.get_pos(pattern), re.compile(self.get_regex(pattern)))
                for pattern in self.get_patterns(signature)
            )
            yield _Signature(signature.findtext("name"), patterns)


def _fits(patterns: tuple[tuple[str, re.Pattern[bytes]], ...], begin: bytes, end: bytes) -> bool:
    for position, pattern in patterns:
        if position == _BOF:
            fits = pattern.match(begin)
        else:
            fits = pattern.search(end if position == _EOF else begin)
        if not fits:
            return False
    return True
