# SPDX-License-Identifier: EUPL-1.2
"""The selection list: what is kept for good, what goes after which term, on which ground.

[[category]]                                docs/spec/disposal.md §2
code = "12.3"
appraisal = "V"                             B kept for good, V destroyed, N to be decided
term = "7y"                                 of V: years or days after the unit's own time
ground = "Selectielijst X 2026, nr. 12.3"
about = "Mail van uitvoerende aard"

[[copy]]                                    what is a copy of a keyring elsewhere
what = "back-up van de ontvanger"
kept = "30d"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_office.collection.model import Unit
from lakzegel_office.errors import UsageError
from lakzegel_office.mirror import read_limited
from lakzegel_office.review.standing import Class

NAME: Final = "selection.toml"
MAX_FILE: Final = 1 << 20  # bytes
KEEP: Final = "B"
DESTROY: Final = "V"
UNDECIDED: Final = "N"
_CLASSES: Final = tuple(str(one) for one in Class if one is not Class.OPEN)
_TERM: Final = re.compile(r"(0|[1-9][0-9]{0,4})([dy])")
_TEXTS: Final = ("code", "appraisal", "ground", "about")
_LISTS: Final = ("custody", "source", "app", "class")
_CATEGORY: Final = {*_TEXTS, "term", *_LISTS}


@dataclass(frozen=True, slots=True)
class Category:
    """One row of a selection list; what it is about is empty where it is about everything."""

    code: str
    appraisal: str
    term: str
    ground: str
    about: str
    custodies: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()  # of review

    @property
    def of_records(self) -> bool:
        """Whether it is about records: what never was one may go at once."""
        return self.appraisal != DESTROY or int(self.term[:-1]) > 0

    def applies(self, unit: Unit, class_: str) -> bool:
        """Tell whether it is about this unit by whose it is, where it comes from, and its class."""
        pairs = (
            (self.custodies, unit.custody),
            (self.sources, unit.source),
            (self.apps, unit.app),
            (self.classes, class_),
        )
        return all(not wanted or value in wanted for wanted, value in pairs)

    def due(self, unit: Unit) -> datetime | None:
        """Return when a unit may go, or None where it may not, or nobody can tell when."""
        begin = unit.at or unit.first_seen
        if self.appraisal != DESTROY or begin is None:
            return None
        return after(begin, self.term)


@dataclass(frozen=True, slots=True)
class Copy:
    """What holds copies of keyrings beyond the live stores, and for how long."""

    what: str
    kept: str


@dataclass(frozen=True, slots=True)
class Selection:
    """One selection list."""

    categories: tuple[Category, ...]
    copies: tuple[Copy, ...]

    def category(self, code: str) -> Category:
        """Return the category of a code.

        Raises:
            UsageError: there is none.
        """
        for category in self.categories:
            if category.code == code:
                return category
        codes = ", ".join(category.code for category in self.categories)
        raise UsageError(f"--category {code}: the selection list has {codes or 'none'}")


def read_selection(path: Path) -> Selection:
    """Return the selection list of a file.

    Raises:
        UsageError: it cannot be read, or something in it is missing, unknown or no term.
    """
    try:
        table = tomllib.loads(read_limited(path, MAX_FILE).decode("utf-8"))
        _require_known(table, {"category", "copy"})
        categories = tuple(_category(row) for row in table.get("category", ()))
        copies = tuple(_copy(row) for row in table.get("copy", ()))
    except FileNotFoundError:
        raise UsageError(f"{path}: no selection list here; see docs/spec/disposal.md §2") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a usable selection list: {error}") from error
    if len({category.code for category in categories}) != len(categories):
        raise UsageError(f"{path}: two categories have one code")
    return Selection(categories, copies)


def after(begin: datetime, term: str) -> datetime:
    """Return the moment that a term ends which begins then; a 29 February ends on 1 March.

    Raises:
        ValueError: it is no term.
    """
    found = _TERM.fullmatch(term)
    if found is None:
        raise ValueError(f"{term}: not a term, such as 7y or 30d")
    count = int(found[1])
    if found[2] == "d":
        return begin + timedelta(days=count)
    try:
        return begin.replace(year=begin.year + count)
    except ValueError:
        return begin.replace(year=begin.year + count, month=3, day=1)


def _category(row: Mapping[str, Any]) -> Category:
    _require_known(row, _CATEGORY)
    code = row.get("code", "without a code")
    needed = (*_TEXTS, "term") if row.get("appraisal") == DESTROY else _TEXTS
    for name in needed:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"category {code}: {name} is missing")
    if row["appraisal"] not in {KEEP, DESTROY, UNDECIDED}:
        raise ValueError(f"category {code}: appraisal is B, V or N")
    term = row["term"] if row["appraisal"] == DESTROY else ""
    if term:
        after(datetime(2000, 1, 1), term)  # noqa: DTZ001 - a look at its form
    custodies, sources, apps, classes = (
        _texts(row.get(name, []), f"category {code}: {name}") for name in _LISTS
    )
    if unknown := set(classes) - set(_CLASSES):
        raise ValueError(f"category {code}: class {min(unknown)} is none of {', '.join(_CLASSES)}")
    said = (row["code"], row["appraisal"], term, row["ground"], row["about"])
    return Category(*said, custodies, sources, apps, classes)


def _require_known(row: Mapping[str, Any], known: set[str]) -> None:
    if unknown := set(row) - known:
        raise ValueError(f"unknown key {min(unknown)}")


def _copy(row: Mapping[str, Any]) -> Copy:
    copy = Copy(_text(row["what"]), _text(row["kept"]))
    after(datetime(2000, 1, 1), copy.kept)  # noqa: DTZ001 - a look at its form
    return copy


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{what} is a list of texts")
    return tuple(map(_text, value))


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("expected a text")
    return value
