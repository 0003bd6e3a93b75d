# SPDX-License-Identifier: EUPL-1.2
"""Tokens as they lie in DATA: files, and a row for each (docs/spec/timestamps.md §4).

A connection is opened when one is needed, which is seldom, by whichever thread needs it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Self

from cryptography.x509 import Certificate

from lakzegel_core.errors import TimestampError
from lakzegel_core.timenames import ANSWER_END, ROOTS, Name, place_of
from lakzegel_core.timerenewal import MAX_LIST
from lakzegel_core.timetoken import MAX_ANSWER, Token, fingerprint, open_token, pem
from lakzegel_server.database import Database
from lakzegel_server.errors import DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.schema import next_number, row_digest
from lakzegel_server.stores import names
from lakzegel_server.timestamping.roots import MAX_FILE, parse_roots

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """What is remembered of one token."""

    name: str  # of its files, without ending
    at: int
    expires: int
    root: str  # the fingerprint
    stamped: bytes  # SHA-256 of the file
    token: bytes  # SHA-256 of the file

    @property
    def named(self) -> Name:
        """What the name says.

        Raises:
            ValueError: it is none.
        """
        return Name.parse(self.name)

    @classmethod
    def of(cls, name: str, stamped: bytes, answer: bytes, token: Token) -> Self:
        """The row of a token and its files."""
        digests = hashlib.sha256(stamped).digest(), hashlib.sha256(answer).digest()
        return cls(name, token.at, token.expires, fingerprint(token.root), *digests)

    def columns(self, number: int) -> tuple[str | int | bytes, ...]:
        """The row as the table has it, where it is the one of this number."""
        row = (self.name, number, self.at, self.expires, self.root, self.stamped, self.token)
        return (*row, row_digest(*row))


class Kept:
    """The tokens of one DATA."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def newest(self, authority: str) -> Row | None:
        """The token of an authority over the largest log."""
        found = [(row.named, row) for row in self.rows()]
        own = [(n, row) for n, row in found if n.authority == authority and not n.renewal]
        return own[-1][1] if own else None

    def rows(self) -> list[Row]:
        """Every token: those over checkpoints by size, then those that renew others."""
        with closing(Database.open_readonly(self._layout.database)) as database:
            found = database.connection.execute(
                "SELECT name, at, expires, root, stamped, token FROM timestamps"
            ).fetchall()
        try:
            return sorted((Row(*row) for row in found), key=lambda row: row.named)
        except ValueError:
            raise DamageError(
                "index.sqlite: table timestamps was changed; run 'lakzegel-server check'"
            ) from None

    def has(self, file: str) -> bool:
        """Whether a file of this name belongs to a token."""
        stem = file.rpartition(".")[0]
        with closing(Database.open_readonly(self._layout.database)) as database:
            found = database.connection.execute(
                "SELECT 1 FROM timestamps WHERE name = ? OR root = ? LIMIT 1", (stem, stem)
            ).fetchone()
        return found is not None

    def keep(self, name: Name, stamped: bytes, answer: bytes, token: Token) -> Row:
        """The row of a token that is durable, with its root and what it is over."""
        objects = self._layout.stores.objects
        row = Row.of(str(name), stamped, answer, token)
        objects.supersede(_root(row.root), pem(token.root))
        objects.supersede(names.timestamp(name.stamped), stamped)  # a crash may have left one
        objects.supersede(names.timestamp(name.answer), answer)
        self._remember(row)
        return row

    def read_stamped(self, row: Row) -> bytes:
        """What a token is over."""
        return self._layout.stores.objects.read(names.timestamp(row.named.stamped), MAX_LIST)

    def tidy(self) -> int:
        """Remember whole tokens that a crash left without a row, remove what is not whole.

        What cannot be read now may be whole: then nothing is removed, until a later start.
        """
        objects = self._layout.stores.objects
        known = {row.name for row in self.rows()}
        try:
            places = objects.names(names.TIMESTAMPS)
            found = [place.removeprefix(names.TIMESTAMPS) for place in places]
            for name in found:
                if name.endswith(ANSWER_END) and name.removesuffix(ANSWER_END) not in known:
                    self._adopt(name.removesuffix(ANSWER_END), found)
        except OSError as error:
            _log.warning("a timestamp cannot be read: %s", error.strerror)
            return 0
        if self._layout.shared:  # what is not whole another receiver may be putting there
            return 0
        rows = self.rows()
        wanted = {row.name for row in rows} | {row.root for row in rows}
        gone = [name for name in found if is_own(name) and PurePosixPath(name).stem not in wanted]
        return sum(objects.remove(names.timestamp(name)) for name in gone)

    def _adopt(self, name: str, found: Sequence[str]) -> None:
        objects = self._layout.stores.objects
        with suppress(ValueError, FileNotFoundError, TimestampError):
            files = Name.parse(name)
            stamped = objects.read(names.timestamp(files.stamped), MAX_LIST)
            answer = objects.read(names.timestamp(files.answer), MAX_ANSWER)
            token = open_token(answer, stamped, self._roots(found), nonce=None)
            self._remember(Row.of(name, stamped, answer, token))

    def _roots(self, found: Sequence[str]) -> list[Certificate]:
        objects = self._layout.stores.objects
        places = sorted(name for name in found if name.startswith(f"{ROOTS}/"))
        data = [(name, objects.read(names.timestamp(name), MAX_FILE)) for name in places]
        return [root for name, one in data for root in parse_roots(one, f"timestamps/{name}")]

    def _remember(self, row: Row) -> None:
        opened = closing(Database.open(self._layout.database))
        with opened as database, database.transaction() as change:
            (number,) = change.execute(next_number("timestamps")).fetchone()
            change.execute(
                "INSERT INTO timestamps VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row.columns(number)
            )


def is_own(name: str) -> bool:
    """Whether a file is named as these are; others are for `check` to name."""
    return place_of(name.rpartition("/")[2]) == name


def _root(name: str) -> str:
    return names.timestamp(f"{ROOTS}/{name}.pem")
