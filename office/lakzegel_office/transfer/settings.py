# SPDX-License-Identifier: EUPL-1.2
"""What the organisation decided for its transfers: who made the archive, appraisal, restrictions.

docs/spec/transfer.md §6: a TOML file; without it everything is "nader te bepalen".
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lakzegel_office.destroying.selection import Category as Listed
from lakzegel_office.destroying.selection import after, read_selection
from lakzegel_office.errors import UsageError
from lakzegel_office.regular import open_followed

MAX_FILE: Final = 1 << 20  # bytes
APPRAISALS: Final = {
    "B": "Blijvend te bewaren",
    "V": "Tijdelijk te bewaren",
    "N": "Nader te bepalen",
}
TERMS: Final = (10, 20)  # years after which is transferred: the new and the old Archiefwet
_OPTIONAL: Final = ("code", "term", "trigger", "restriction", "restriction_text")


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody or something, with the id that a register has for it."""

    name: str
    id: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Category:
    """One row of the selection list."""

    name: str
    label: str
    appraisal: str = "N"
    code: str = ""
    term: str = ""  # 10y, 30d
    trigger: str = "Bevriezing"
    restriction: str = "Nader te bepalen"
    restriction_text: str = ""

    @property
    def duration(self) -> str:
        """The term as XML Schema has it, nothing where there is none."""
        return f"P{self.term.upper()}" if self.term else ""

    def ends(self, begin: datetime) -> datetime:
        """Return when the term ends that begins then."""
        return after(begin, self.term)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which units are of a category: every field that is given must be theirs."""

    category: str
    custody: str = ""
    app: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it."""

    creator: Named
    contact: str = ""
    selection_list: str = ""
    default: str = ""
    categories: Mapping[str, Category] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    transfer_term: int = 20
    sidecar_ending: str = ".MDTO.xml"

    def category(self, *, custody: str, app: str, source: str) -> Category:
        """Return the row that holds for a unit: of the first rule that fits, else the default."""
        own = {"custody": custody, "app": app, "source": source}
        for rule in self.rules:
            if all(getattr(rule, name) in ("", value) for name, value in own.items()):
                return self.categories[rule.category]
        return self.categories.get(self.default, Category("", "Nader te bepalen"))


def read_settings(path: Path | None, org: str, selection: Path) -> Settings:
    """Return the settings of a file, with the categories of the selection list where there is one.

    Raises:
        UsageError: it cannot be read, or something in it is missing, unknown or does not fit.
    """
    listed = read_selection(selection).categories if selection.is_file() else ()
    if path is None:
        return Settings(Named(org), categories={row.code: _of_list(row) for row in listed})
    try:
        with open_followed(path) as file:
            table = tomllib.loads(file.read(MAX_FILE).decode("utf-8"))
        return _settings(table, org, listed)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: not a usable file of settings: {error}") from error


def _settings(table: dict[str, Any], org: str, listed: Sequence[Listed]) -> Settings:
    known = {"creator", "contact", "selection_list", "default", "category", "rule"}
    _none_beside(table, {*known, "transfer_term", "sidecar_ending"})
    categories = {row.code: _of_list(row) for row in listed}
    for name, row in dict(table.get("category", {})).items():
        categories[name] = _category(name, row, categories.get(name))
    rules = tuple(Rule(**_texts(row)) for row in table.get("rule", []))
    for name in (*(rule.category for rule in rules), table.get("default", "")):
        if name and name not in categories:
            raise ValueError(f"no [category.{name}]")
    term = table.get("transfer_term", TERMS[1])
    if term not in TERMS:
        raise ValueError(f"transfer_term: one of {TERMS}")
    ending = table.get("sidecar_ending", ".MDTO.xml")
    if ending not in (".MDTO.xml", ".mdto.xml"):
        raise ValueError("sidecar_ending: .MDTO.xml or .mdto.xml")
    return Settings(
        creator=Named(**_texts(table.get("creator", {"name": org}))),
        contact=str(table.get("contact", "")),
        selection_list=str(table.get("selection_list", "")),
        default=str(table.get("default", "")),
        categories=categories,
        rules=rules,
        transfer_term=term,
        sidecar_ending=ending,
    )


def _of_list(row: Listed) -> Category:
    return Category(row.code, row.about, row.appraisal, row.code, row.term)


def _category(name: str, row: object, known: Category | None) -> Category:
    """Return a category of the file; of one that the selection list has, what is said of it."""
    texts = _texts(row)
    if known is not None:
        _none_beside(texts, {"trigger", "restriction", "restriction_text"})
        return replace(known, **texts)
    _none_beside(texts, {"label", "appraisal", *_OPTIONAL})
    found = Category(name, **texts)
    if found.appraisal not in APPRAISALS:
        raise ValueError(f"category.{name}: appraisal is one of B, V, N")
    if found.term:
        found.ends(datetime(2000, 1, 1, tzinfo=UTC))  # a look at its form
    return found


def _texts(row: object) -> dict[str, str]:
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        raise TypeError("expected a table of texts")
    return row


def _none_beside(table: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(table) - known):
        raise ValueError(f"unknown key {unknown[0]}")
