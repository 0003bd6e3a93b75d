# SPDX-License-Identifier: EUPL-1.2
"""Documents as rows of the index, for receivers that share one (docs/spec/stores.md §6)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Final

from lakzegel_server.index.engine import SEQUENCING, WRITING
from lakzegel_server.schema import put, row_digest
from lakzegel_server.stores.indexed import IndexedStore
from lakzegel_server.stores.names import checked, checked_prefix
from lakzegel_server.stores.sized import size_of

_PUT: Final = put("documents")
_ADVANCE: Final = f"{_PUT} WHERE documents.size <= excluded.size"


class RowDocuments(IndexedStore):
    """One row a document."""

    def read(self, name: str, limit: int) -> bytes:
        """The row's bytes."""
        wanted = "SELECT data FROM documents WHERE name = ?"
        with self._index() as index:
            found = index.connection.execute(wanted, (checked(name),)).fetchone()
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "no such document", name)
        return bytes(found[0])[: limit + 1]

    def replace(self, name: str, data: bytes) -> None:
        """Put the row there."""
        self._put(_PUT, name, data, WRITING)

    def advance(self, name: str, data: bytes) -> bool:
        """Put the row there where that is of no larger log; it is the index that compares."""
        return self._put(_ADVANCE, name, data, SEQUENCING) == 1

    def settle(self, name: str) -> None:
        """What was committed is durable."""
        if not self.exists(name):
            raise FileNotFoundError(errno.ENOENT, "no such document", name)

    def exists(self, name: str) -> bool:
        """Whether the row is there."""
        wanted = "SELECT 1 FROM documents WHERE name = ?"
        with self._index() as index:
            found = index.connection.execute(wanted, (checked(name),)).fetchone()
        return found is not None

    def remove(self, name: str) -> None:
        """Delete the row."""
        with self._index() as index, index.transaction() as change:
            change.execute("DELETE FROM documents WHERE name = ?", (checked(name),))

    def names(self, prefix: str) -> Iterator[str]:
        """The names of rows."""
        low, high = checked_prefix(prefix), f"{prefix[:-1]}0"  # what comes after a slash
        wanted = "SELECT name FROM documents WHERE name >= ? AND name < ? ORDER BY name"
        with self._index() as index:
            found = index.connection.execute(wanted, (low, high)).fetchall()
        yield from (str(row[0]) for row in found)

    def _put(self, statement: str, name: str, data: bytes, purpose: str) -> int:
        row = (checked(name), size_of(data), data)
        with self._index() as index, index.transaction(purpose) as change:
            return change.execute(statement, (*row, row_digest(*row))).rowcount
