# SPDX-License-Identifier: EUPL-1.2
"""The table of a roster, as somebody exported it: every row is right, or none is taken.

    serial;group;custody;person
    C39TEST0001;ring-1;2026-bzk;A. B. de Vries

docs/guides/enrolment.md
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.fields import slug
from lakzegel_core.roster import normal_serial
from lakzegel_office.errors import UsageError
from lakzegel_office.mirror import read_limited
from lakzegel_office.terms.register import Terms

MAX_TABLE: Final = 8 << 20  # bytes
MAX_ROWS: Final = 10_000
MAX_TOLD: Final = 50  # faults that are shown
COLUMNS: Final = ("serial", "group", "custody", "person")
NEEDED: Final = "serial"
_MARK: Final = "\ufeff"  # what spreadsheets begin UTF-8 with


@dataclass(frozen=True, slots=True)
class Row:
    """One machine: its serial number, its ring, whose it is."""

    serial: str
    group: str
    custody: str
    person: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """What holds for a row that does not say it, and what its custody is held against."""

    group: str | None
    custody: str
    terms: Terms
    now: datetime


class TableError(UsageError):
    """Rows that cannot be taken: the faults, each with line and field."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        """Keep as many as somebody reads."""
        more = len(faults) - MAX_TOLD
        rest = [f"and {more} more"] if more > 0 else []
        super().__init__(f"{path}: {len(faults)} faults; nothing was signed or written")
        self.faults = [*faults[:MAX_TOLD], *rest]


def read_table(path: Path, given: Given) -> list[Row]:
    """Return every row.

    Raises:
        UsageError: it is no such table.
        TableError: rows of it cannot be taken.
    """
    faults: list[str] = []
    rows: list[Row] = []
    lines: dict[str, int] = {}
    for line, cells in _records(path):
        found, wrong = _row(cells, given)
        if found is not None and found.serial in lines:
            wrong.append(f"serial: is that of line {lines[found.serial]}")
        faults += [f"line {line}, {what}" for what in wrong]
        if found is not None:
            lines.setdefault(found.serial, line)
            rows.append(found)
    if faults:
        raise TableError(path, faults)
    if not rows:
        raise UsageError(f"{path}: no rows")
    return rows


def _records(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each record with the line that it ends on; rows without a word are passed over."""
    text = _text(path)
    header = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(header), strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            if not names:
                names = _names(path, cells)
            elif any(cell.strip() for cell in cells):
                if len(cells) != len(names):
                    what = f"{len(cells)} fields where the first line has {len(names)}"
                    raise UsageError(f"{path}: line {reader.line_num}: {what}; nothing was written")
                yield reader.line_num, dict(zip(names, map(str.strip, cells), strict=True))
            if reader.line_num > MAX_ROWS + 1:
                raise UsageError(f"{path}: more than {MAX_ROWS} rows; make two rosters of it")
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num}: not CSV: {error}") from None


def _text(path: Path) -> str:
    try:
        data = read_limited(path, MAX_TABLE)
        return data.decode("utf-8").removeprefix(_MARK)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save it as CSV UTF-8") from None


def _delimiter(header: str) -> str:
    """Return what separates fields: a spreadsheet in Dutch writes semicolons."""
    return max(";,\t", key=header.count)


def _names(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    for name in names:
        if name not in COLUMNS:
            known = ", ".join(COLUMNS)
            raise UsageError(f"{path}: line 1: column '{name}' is not known; there are {known}")
    if len(set(names)) != len(names) or NEEDED not in names:
        raise UsageError(f"{path}: line 1: each column once, {NEEDED} among them")
    return names


def _row(cells: Mapping[str, str], given: Given) -> tuple[Row | None, list[str]]:
    """Return the row and what is wrong with it; no row where there is none to speak of."""
    faults: list[str] = []
    serial = _checked(faults, "serial", normal_serial, cells["serial"])
    group = cells.get("group") or given.group or ""
    _checked(faults, "group", lambda text: slug(text, what=""), group)
    custody = cells.get("custody") or given.custody
    _checked(faults, "custody", lambda text: slug(text, what=""), custody)
    person = cells.get("person", "")
    faults += _of_term(custody, person, given)
    if serial is None:
        return None, faults
    return Row(serial, group, custody, person), faults


def _checked(faults: list[str], field: str, check: Callable[[str], str], text: str) -> str | None:
    try:
        return check(text)
    except LakzegelError as error:
        faults.append(f"{field}: {str(error).partition(': ')[2] or error}")
        return None


def _of_term(custody: str, person: str, given: Given) -> Iterator[str]:
    """Yield what the terms of office have against a row: a custody is one person's for ever."""
    found = given.terms.get(custody)
    if found is None:
        if person:
            yield f"person: no term of custody {custody} was opened; see: term open"
        return
    if given.terms.is_closed(custody):
        yield f"custody: the term of {custody} was closed"
        return
    if person and person != found.term.person:
        yield f"person: custody {custody} is another person's"
    ends = [post.period.ends for post in found.term.posts]
    if ends and all(end is not None and end <= given.now for end in ends):
        yield f"custody: every post of {custody} has ended; whose is this machine now?"
