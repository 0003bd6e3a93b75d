# SPDX-License-Identifier: EUPL-1.2
"""Tokens as they lie in DATA: files, and a row for each (docs/spec/timestamps.md §4).

A connection is opened when one is needed, which is seldom, by whichever thread needs it.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.x509 import Certificate

from lakzegel_core.errors import TimestampError
from lakzegel_core.timenames import ANSWER_END, ROOTS, Name, place_of
from lakzegel_core.timetoken import MAX_ANSWER, Token, fingerprint, open_token, pem
from lakzegel_server.database import Database
from lakzegel_server.durable import FOLDER, replace_file, sync_folder
from lakzegel_server.errors import DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.schema import row_digest
from lakzegel_server.timestamping.roots import read_roots

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

    def columns(self) -> tuple[str | int | bytes, ...]:
        """The row as the table has it."""
        row = (self.name, self.at, self.expires, self.root, self.stamped, self.token)
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
        folder, work = self._layout.timestamps, self._layout.incoming
        row = Row.of(str(name), stamped, answer, token)
        for path in (folder, folder / ROOTS):
            path.mkdir(exist_ok=True, mode=FOLDER)
        replace_file(self._root(row.root), pem(token.root), work=work)
        replace_file(folder / name.stamped, stamped, work=work)
        replace_file(folder / name.answer, answer, work=work)
        self._remember(row)
        return row

    def read_stamped(self, row: Row) -> bytes:
        """What a token is over."""
        return (self._layout.timestamps / row.named.stamped).read_bytes()

    def tidy(self) -> int:
        """Remember whole tokens that a crash left without a row, remove what is not whole.

        What cannot be read now may be whole: then nothing is removed, until a later start.
        """
        folder = self._layout.timestamps
        if not folder.is_dir():
            return 0
        known = {row.name for row in self.rows()}
        try:
            for path in folder.glob(f"*{ANSWER_END}"):
                if path.stem not in known:
                    self._adopt(path.stem)
        except OSError as error:
            _log.warning("a timestamp cannot be read: %s", error.strerror)
            return 0
        rows = self.rows()
        wanted = {row.name for row in rows} | {row.root for row in rows}
        files = [path for path in folder.rglob("*") if path.is_file() and is_own(path, folder)]
        gone = [path for path in files if path.stem not in wanted]
        for path in gone:
            path.unlink()
        if gone:
            sync_folder(folder)
        return len(gone)

    def _adopt(self, name: str) -> None:
        folder = self._layout.timestamps
        with suppress(ValueError, FileNotFoundError, TimestampError):
            files = Name.parse(name)
            stamped = (folder / files.stamped).read_bytes()
            answer = (folder / files.answer).read_bytes()[: MAX_ANSWER + 1]
            token = open_token(answer, stamped, self._roots(), nonce=None)
            self._remember(Row.of(name, stamped, answer, token))

    def _roots(self) -> list[Certificate]:
        paths = sorted((self._layout.timestamps / ROOTS).glob("*.pem"))
        return [root for path in paths for root in read_roots(path)]

    def _root(self, name: str) -> Path:
        return self._layout.timestamps / ROOTS / f"{name}.pem"

    def _remember(self, row: Row) -> None:
        opened = closing(Database.open(self._layout.database))
        with opened as database, database.transaction() as change:
            change.execute("INSERT INTO timestamps VALUES (?, ?, ?, ?, ?, ?, ?)", row.columns())


def is_own(path: Path, folder: Path) -> bool:
    """Whether a file is named as these are; others are for `check` to name."""
    return place_of(path.name) == path.relative_to(folder).as_posix()
