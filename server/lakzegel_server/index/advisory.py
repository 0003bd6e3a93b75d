# SPDX-License-Identifier: EUPL-1.2
"""Turns among receivers, by locks of a PostgreSQL session (docs/spec/stores.md §3).

Each is on a connection of its own and ends with that, however its holder ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from lakzegel_server.errors import BusyError, ConfigError
from lakzegel_server.index.engine import IndexFault
from lakzegel_server.index.place import Address
from lakzegel_server.index.postgresql import Session, lock_key
from lakzegel_server.index.turns import Held, Lease

_TURN: Final = lock_key("turn")


class AdvisoryTurns:
    """Turns among all receivers of one database."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._session = Session(address)

    @contextmanager
    def turn(self) -> Iterator[Held]:
        """Wait for a turn.

        Raises:
            IndexFault: the database cannot be reached, or others had their turn for too long.
        """
        try:
            self._session.begin(f"SELECT pg_advisory_lock({_TURN})")
        except BaseException:
            self._session.close()  # it may have been given while we went
            raise
        try:
            yield _Held(self._session)
        finally:
            with suppress(IndexFault):  # a connection that broke took it along
                self._session.end(f"SELECT pg_advisory_unlock({_TURN})")

    def lease(self, name: str) -> Lease:
        """A right of this name, on a connection of its own."""
        return AdvisoryLease(self._address, name)

    def close(self) -> None:
        """Let go."""
        self._session.close()


class _Held:
    """A turn on a connection that is not opened anew while it lasts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def require(self) -> None:
        """Return when it still is ours.

        Raises:
            BusyError: the connection broke.
        """
        try:
            self._session.execute("SELECT 1")
        except IndexFault:
            raise BusyError("the turn was lost with the connection; try again") from None


class AdvisoryLease:
    """What one receiver at a time may hold; any thread may ask."""

    def __init__(self, address: Address, name: str) -> None:
        self._key = lock_key(f"lease {name}")
        self._session = Session(address)
        self._guard = threading.Lock()
        self._held = False

    def holds(self) -> bool:
        """Whether it is ours now; takes it where nobody has it."""
        with self._guard:
            if self._held and self._answers():
                return True
            self._held = self._take()
            return self._held

    def close(self) -> None:
        """Leave it to another."""
        with self._guard:
            self._held = False
            self._session.close()

    def _answers(self) -> bool:
        try:
            self._session.execute("SELECT 1")
        except IndexFault:
            self._session.close()
            return False
        return True

    def _take(self) -> bool:
        try:
            found = self._session.execute(f"SELECT pg_try_advisory_lock({self._key})").fetchone()
            if found[0]:
                self._session.begin("SELECT 1")  # from here on it is this connection or none
        except (IndexFault, ConfigError):
            self._session.close()
            return False
        return bool(found[0])
