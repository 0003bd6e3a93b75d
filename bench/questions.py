# SPDX-License-Identifier: EUPL-1.2
"""What is asked of a collection, by what it is, each time another question."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from bench.filling import PEOPLE, START
from lakzegel_office.collection.model import Query, UnitKind

COMMON: Final = 20  # the first so many words
SOME: Final = 2_000
BROAD: Final = ("minister", "x.example", "p1", "p")


@dataclass(frozen=True, slots=True)
class Asking:
    """Makes questions."""

    chance: random.Random
    words: Sequence[str]
    names: Sequence[str]

    def common(self) -> str:
        """Return a word that a few percent or more of all units have."""
        return self.words[self.chance.randrange(COMMON)]

    def some(self) -> str:
        """Return a word that is neither common nor rare."""
        return self.words[self.chance.randrange(COMMON, SOME)]

    def rare(self) -> str:
        """Return a rare word."""
        return self.words[self.chance.randrange(SOME, len(self.words))]

    def person(self) -> str:
        """Return somebody."""
        return f"p{self.chance.randrange(PEOPLE)}@"

    def unit(self) -> str:
        """Return a unit's id."""
        return self.chance.choice(self.names)

    def period(self) -> dict[str, Any]:
        """Return a day, a week, a month or a year."""
        since = START + timedelta(days=self.chance.randrange(700))
        return {
            "since": since,
            "until": since + timedelta(days=self.chance.choice([1, 7, 30, 365])),
        }


def in_pages(
    ask: Callable[[Query], Iterable[object]],
    query: Query,
    limit: int,
    *,
    newest_first: bool = False,
) -> list[object]:
    """Return one page."""
    return list(ask(replace(query, limit=limit, newest_first=newest_first)))


ASKED: Final[dict[str, Callable[[Asking], Query]]] = {
    "everything": lambda _: Query(),
    "a page far behind": lambda a: Query(after=a.unit()),
    "a common word": lambda a: Query(text=a.common()),
    "a word": lambda a: Query(text=a.some()),
    "a rare word": lambda a: Query(text=a.rare()),
    "two common words": lambda a: Query(text=f"{a.common()} {a.common()}"),
    "a common and a rare word": lambda a: Query(text=f"{a.common()} {a.rare()}"),
    "a phrase of common words": lambda a: Query(text=f'"{a.common()} {a.common()}"'),
    "a phrase": lambda a: Query(text=f'"{a.common()} {a.some()} {a.common()}"'),
    "one letter and *": lambda a: Query(text=f"{a.some()[:1]}*"),
    "two letters and *": lambda a: Query(text=f"{a.some()[:2]}*"),
    "four letters and *": lambda a: Query(text=f"{a.some()[:4]}*"),
    "a common word, far behind": lambda a: Query(text=a.common(), after=a.unit()),
    "a word that is nowhere": lambda _: Query(text="zzzzzzzz"),
    "a person": lambda a: Query(party=a.person()),
    "very many people": lambda a: Query(party=a.chance.choice(BROAD)),
    "a common word of a person": lambda a: Query(text=a.common(), party=a.person()),
    "a common word of many people": lambda a: Query(text=a.common(), party=a.chance.choice(BROAD)),
    "a word of many people": lambda a: Query(text=a.some(), party=a.chance.choice(BROAD)),
    "a period": lambda a: Query(**a.period()),
    "a common word in a period": lambda a: Query(text=a.common(), **a.period()),
    "many people in a period": lambda a: Query(party=a.chance.choice(BROAD), **a.period()),
    "an app": lambda a: Query(apps=[a.chance.choice(["mail", "whatsapp", "signal"])]),
    "a kind": lambda a: Query(kinds=[a.chance.choice(list(UnitKind))]),
    "a common word of a kind": lambda a: Query(
        text=a.common(), kinds=[a.chance.choice(list(UnitKind))]
    ),
    "a source": lambda a: Query(sources=[a.chance.choice(["maildir", "whatsapp-export", "no"])]),
    "a custody": lambda a: Query(custodies=[a.chance.choice(["custody", "nobody's"])]),
    "a label": lambda a: Query(label=a.chance.choice(["any", "stg", "bsn"])),
    "a common word with a label": lambda a: Query(text=a.common(), label="stg"),
}
