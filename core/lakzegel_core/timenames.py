# SPDX-License-Identifier: EUPL-1.2
"""What files of tokens are called (docs/spec/timestamps.md §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CHECKPOINT_END: Final = ".checkpoint"
LIST_END: Final = ".list"
ANSWER_END: Final = ".tsr"
ROOTS: Final = "roots"
_NAME: Final = re.compile(r"(renewal-)?([1-9][0-9]{0,15})-([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\Z")
_ROOT: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """The name of a token's files, without their endings; sorts checkpoints first, by size."""

    renewal: bool
    number: int  # the size of the log, or the number of the renewal
    authority: str

    @classmethod
    def parse(cls, text: str) -> Name:
        """The name that a text is.

        Raises:
            ValueError: it is none.
        """
        match = _NAME.match(text)
        if match is None:
            raise ValueError("not the name of a timestamp")
        return cls(match[1] is not None, int(match[2]), match[3])

    def __str__(self) -> str:
        return f"{'renewal-' if self.renewal else ''}{self.number}-{self.authority}"

    @property
    def stamped(self) -> str:
        """The file that the token is over."""
        return f"{self}{LIST_END if self.renewal else CHECKPOINT_END}"

    @property
    def answer(self) -> str:
        """The file with the token."""
        return f"{self}{ANSWER_END}"


def place_of(file: str) -> str | None:
    """Where, below the folder, a file of this name lies; None for a name that none can have."""
    stem = file.rpartition(".")[0]
    if file == f"{stem}.pem" and _ROOT.match(stem):
        return f"{ROOTS}/{file}"
    try:
        name = Name.parse(stem)
    except ValueError:
        return None
    return file if file in {name.stamped, name.answer} else None
