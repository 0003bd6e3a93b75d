# SPDX-License-Identifier: EUPL-1.2
"""Tokens as they lie in DATA: files, and a row for each (docs/spec/timestamps.md §4).

A connection is opened when one is needed, which is seldom, by whichever thread needs it.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.x509 import Certificate

from lakzegel_server.database import Database
from lakzegel_server.durable import FOLDER, replace_file, sync_folder
from lakzegel_server.errors import DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.schema import row_digest
from lakzegel_server.timestamping.errors import TimestampError
from lakzegel_server.timestamping.exchange import MAX_ANSWER
from lakzegel_server.timestamping.roots import read_roots
from lakzegel_server.timestamping.tokens import Token, fingerprint, open_token, pem

STAMPED_END: Final = ".checkpoint"
ANSWER_END: Final = ".tsr"
ROOTS: Final = "roots"
_NAME: Final = re.compile(r"([1-9][0-9]{0,15})-([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\Z")
_ROOT: Final = re.compile(r"[0-9a-f]{64}\Z")


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
    def size(self) -> int:
        """The size of the log that it speaks of."""
        return parse_name(self.name)[0]

    @property
    def authority(self) -> str:
        """The authority's name in the settings."""
        return parse_name(self.name)[1]

    @classmethod
    def of(cls, name: str, stamped: bytes, answer: bytes, token: Token) -> Self:
        """The row of a token and its files."""
        digests = hashlib.sha256(stamped).digest(), hashlib.sha256(answer).digest()
        return cls(name, token.at, token.expires, fingerprint(token.root), *digests)

    def columns(self) -> tuple[str | int | bytes, ...]:
        """The row as the table has it."""
        row = (self.name, self.at, self.expires, self.root, self.stamped, self.token)
        return (*row, row_digest(*row))


def parse_name(name: str) -> tuple[int, str]:
    """Size and authority of a token's name.

    Raises:
        ValueError: it is none.
    """
    match = _NAME.match(name)
    if match is None:
        raise ValueError("not the name of a timestamp")
    return int(match[1]), match[2]


def order(name: str) -> tuple[int, str]:
    """What tokens are sorted by: size, then name.

    Raises:
        ValueError: not a token's name.
    """
    return parse_name(name)[0], name


def place_of(file: str) -> str | None:
    """Where, below the folder, a file of this name lies; None for a name that none can have."""
    stem, _, ending = file.rpartition(".")
    if f".{ending}" in {STAMPED_END, ANSWER_END} and _NAME.match(stem):
        return file
    return f"{ROOTS}/{file}" if ending == "pem" and _ROOT.match(stem) else None


class Kept:
    """The tokens of one DATA."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def newest(self, authority: str) -> Row | None:
        """The token of an authority over the largest log."""
        return max((r for r in self.rows() if r.authority == authority), default=None, key=_size)

    def rows(self) -> list[Row]:
        """Every token, in order of size and name."""
        with closing(Database.open_readonly(self._layout.database)) as database:
            found = database.connection.execute(
                "SELECT name, at, expires, root, stamped, token FROM timestamps"
            ).fetchall()
        try:
            return sorted((Row(*row) for row in found), key=lambda r: order(r.name))
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

    def keep(self, name: str, stamped: bytes, answer: bytes, token: Token) -> Row:
        """The row of a token that is durable, with its root and what it is over."""
        folder, work = self._layout.timestamps, self._layout.incoming
        row = Row.of(name, stamped, answer, token)
        for path in (folder, folder / ROOTS):
            path.mkdir(exist_ok=True, mode=FOLDER)
        replace_file(self._root(row.root), pem(token.root), work=work)
        replace_file(folder / f"{name}{STAMPED_END}", stamped, work=work)
        replace_file(folder / f"{name}{ANSWER_END}", answer, work=work)
        self._remember(row)
        return row

    def tidy(self) -> int:
        """Remember whole tokens that a crash left without a row, remove what is not whole."""
        folder = self._layout.timestamps
        if not folder.is_dir():
            return 0
        known = {row.name for row in self.rows()}
        for path in folder.glob(f"*{ANSWER_END}"):
            if path.stem not in known:
                self._adopt(path.stem)
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
        with suppress(ValueError, OSError, TimestampError):
            parse_name(name)
            stamped = (folder / f"{name}{STAMPED_END}").read_bytes()
            answer = (folder / f"{name}{ANSWER_END}").read_bytes()[: MAX_ANSWER + 1]
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
    """Whether a file is named as this module names files; others are for `check` to name."""
    return place_of(path.name) == path.relative_to(folder).as_posix()


def _size(row: Row) -> int:
    return row.size
