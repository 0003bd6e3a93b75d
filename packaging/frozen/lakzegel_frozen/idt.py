# SPDX-License-Identifier: EUPL-1.2
"""A table of Windows Installer as text, the form that `msibuild` imports and `msiinfo` exports.

Three lines of head (columns, types, table and keys), then a line a row; tabs between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lakzegel_frozen.errors import FrozenError

HEAD: Final = 3  # lines

Cell = str | int | None
Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One table; a type is a letter (capital: may be empty) and a width."""

    name: str
    columns: tuple[tuple[str, str], ...]
    keys: int  # how many columns are the key, from the first
    rows: tuple[tuple[str, ...], ...]

    def with_rows(self, rows: Iterable[Row]) -> Table:
        """The same table with these rows alone."""
        return Table(self.name, self.columns, self.keys, tuple(map(_texts, rows)))

    def and_rows(self, rows: Iterable[Row]) -> Table:
        """The same table with these rows as well."""
        return Table(self.name, self.columns, self.keys, self.rows + tuple(map(_texts, rows)))

    def to_text(self) -> str:
        """The file.

        Raises:
            FrozenError: a row does not fit.
        """
        names = [name for name, _ in self.columns]
        lines = [names, [kind for _, kind in self.columns], [self.name, *names[: self.keys]]]
        for row in self.rows:
            if len(row) != len(names) or any(set(cell) & set("\t\r\n") for cell in row):
                raise FrozenError(f"table {self.name}: a row does not fit: {row}")
            lines.append(list(row))
        return "".join("\t".join(line) + "\r\n" for line in lines)


def _texts(row: Row) -> tuple[str, ...]:
    return tuple("" if cell is None else str(cell) for cell in row)


def parse(text: str) -> Table:
    """The table that a file says.

    Raises:
        FrozenError: it is none.
    """
    lines = [line.split("\t") for line in text.replace("\r\n", "\n").split("\n") if line]
    if len(lines) < HEAD or len(lines[0]) != len(lines[1]):
        raise FrozenError("no table of Windows Installer")
    columns = tuple(zip(lines[0], lines[1], strict=True))
    return Table(lines[2][0], columns, len(lines[2]) - 1, tuple(map(tuple, lines[HEAD:])))
