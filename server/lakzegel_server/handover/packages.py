# SPDX-License-Identifier: EUPL-1.2
"""Which hand-overs were decided on, and how far they are, in ``index.sqlite`` (handover.md §2).

A hand-over is decided on before anything of it is written, so that after a crash it is the same.
A connection is opened when one is needed, by whichever thread needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from lakzegel_server.database import Database
from lakzegel_server.index.engine import Connection
from lakzegel_server.index.place import Place
from lakzegel_server.schema import put, row_digest

_COLUMNS: Final = "number, start, size, annexes_from, annexes, tokens_from, tokens, note, bytes"


class Step(IntEnum):
    """How far a hand-over is."""

    WAITING = 0  # nothing of it is written; it may still grow
    BEGUN = 1
    LYING = 2  # whole, and not fetched as far as is known


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where something goes: entries of the log, rows of annexes and of tokens."""

    size: int
    annexes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Package:
    """One hand-over."""

    number: int
    start: Mark
    end: Mark
    note: bytes  # the checkpoint
    length: int  # bytes of its files; before it is whole, about
    step: Step = Step.WAITING

    @property
    def name(self) -> str:
        """Its folder."""
        return f"{self.number:08}-{self.start.size}-{self.end.size}"

    def columns(self) -> tuple[int | bytes, ...]:
        """The row as the table has it."""
        start, end = self.start, self.end
        row = (
            *(self.number, start.size, end.size, start.annexes, end.annexes),
            *(start.tokens, end.tokens, self.note, self.length, int(self.step)),
        )
        return (*row, row_digest(*row))


@dataclass(frozen=True, slots=True)
class Packages:
    """The rows of one DATA."""

    path: Place

    def now(self) -> Mark:
        """How many annexes and tokens there are; the size is 0."""
        with self._reading() as index:
            annexes, tokens = (
                index.execute(f"SELECT coalesce(max(number), 0) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
                for table in ("annexes", "timestamps")
            )
        return Mark(0, annexes, tokens)

    def all(self) -> list[Package]:
        """Every hand-over that waits, is under way or lies there, oldest first."""
        with self._reading() as index:
            rows = index.execute(f"SELECT {_COLUMNS}, step FROM packages ORDER BY number")  # noqa: S608 - likewise
            return [_package(row) for row in rows]

    def handed(self) -> tuple[int, Mark]:
        """The number of the newest hand-over that is whole, and up to where it goes."""
        with self._reading() as index:
            row = index.execute("SELECT number, size, annexes, tokens FROM handed").fetchone()
        return (row[0], Mark(*row[1:])) if row else (0, Mark(0, 0, 0))

    def keep(self, package: Package) -> None:
        """Remember how a hand-over is."""
        with self._changing() as change:
            change.execute(put("packages"), package.columns())

    def finish(self, package: Package) -> None:
        """It is whole, unless ``again`` began anew meanwhile."""
        with self._changing() as change:
            known = "SELECT 1 FROM packages WHERE number = ?"
            if change.execute(known, (package.number,)).fetchone() is not None:
                change.execute(put("packages"), package.columns())
                _hand(change, package.number, package.end)

    def forget(self, package: Package) -> None:
        """It was fetched."""
        with self._changing() as change:
            change.execute("DELETE FROM packages WHERE number = ?", (package.number,))

    def again(self, size: int) -> None:
        """Begin again with this entry, and all annexes and tokens; numbers go on."""
        with self._changing() as change:
            newest = change.execute("SELECT coalesce(max(number), 0) FROM packages").fetchone()[0]
            known = change.execute("SELECT coalesce(max(number), 0) FROM handed").fetchone()[0]
            change.execute("DELETE FROM packages WHERE step != ?", (int(Step.LYING),))
            _hand(change, max(newest, known), Mark(size, 0, 0))

    def annexes(self, package: Package) -> list[str]:
        """The annexes of a hand-over, by the hex of their digests."""
        with self._reading() as index:
            found = index.execute(
                "SELECT id FROM annexes WHERE number > ? AND number <= ? ORDER BY id",
                (package.start.annexes, package.end.annexes),
            )
            return [row[0] for row in found]

    def tokens(self, package: Package) -> list[tuple[str, int, int, str]]:
        """Name, time, end and root of the tokens of a hand-over."""
        with self._reading() as index:
            found = index.execute(
                "SELECT name, at, expires, root FROM timestamps WHERE number > ? AND number <= ?"
                " ORDER BY name",
                (package.start.tokens, package.end.tokens),
            )
            return list(found)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with closing(Database.open_readonly(self.path)) as database:
            yield database.connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with closing(Database.open(self.path)) as database, database.transaction() as change:
            yield change


def grown(package: Package, later: Package) -> Package:
    """A hand-over that waits, with what came after it."""
    return replace(
        later, number=package.number, start=package.start, length=package.length + later.length
    )


def _hand(change: Connection, number: int, mark: Mark) -> None:
    row = (1, number, mark.size, mark.annexes, mark.tokens)
    change.execute(put("handed"), (*row, row_digest(*row)))


def _package(row: tuple[int, int, int, int, int, int, int, bytes, int, int]) -> Package:
    number, start, size, annexes_from, annexes, tokens_from, tokens, note, length, step = row
    begin, end = Mark(start, annexes_from, tokens_from), Mark(size, annexes, tokens)
    return Package(number, begin, end, note, length, Step(step))
