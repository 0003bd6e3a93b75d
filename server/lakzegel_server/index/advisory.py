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
        self._session = Session(address)
        self._leases = _Leases(address)

    @contextmanager
    def turn(self) -> Iterator[Held]:
        """Wait for a turn.

        Raises:
            IndexFault: the database cannot be reached, or others had their turn for too long.
        """
        try:
            self._session.begin(f"BEGIN; SELECT pg_advisory_xact_lock({_TURN})")
        except BaseException:
            self._session.close()  # it may have been given while we went
            raise
        try:
            yield _Held(self._session)
        finally:
            with suppress(IndexFault):  # a connection that broke took it along
                self._session.end("COMMIT")

    def lease(self, name: str) -> Lease:
        """A right of this name; all of one receiver are on one connection."""
        return AdvisoryLease(self._leases, name)

    def close(self) -> None:
        """Let go."""
        self._session.close()
        self._leases.close()


class _Held:
    """A turn on a connection that is not opened anew while it lasts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def require(self) -> None:
        """Return when it still is ours.

        Raises:
            BusyError: the connection broke, or the server took the turn back.
        """
        try:
            self._session.execute("SELECT 1")
        except IndexFault:
            raise BusyError("the turn was lost with the connection; try again") from None


class _Leases:
    """The connection that a receiver's leases are on, and which of them it has."""

    def __init__(self, address: Address) -> None:
        self._session = Session(address)
        self._guard = threading.Lock()
        self._taken: set[str] = set()

    def holds(self, key: str) -> bool:
        """Whether it is ours now; takes it where nobody has it."""
        with self._guard:
            try:
                return self._is_ours(key)
            except (IndexFault, ConfigError):  # all went with the connection
                self._let_go()
                return False

    def leave(self, key: str) -> None:
        """Leave it to another."""
        with self._guard:
            if key in self._taken:
                self._taken.discard(key)
                with suppress(IndexFault):
                    self._session.execute(f"SELECT pg_advisory_unlock({key})")

    def close(self) -> None:
        """Leave all of them."""
        with self._guard:
            self._let_go()

    def _is_ours(self, key: str) -> bool:
        if not self._session.is_there:
            self._let_go()
            self._session.begin("SELECT 1")  # from here on it is this connection or none
        if key in self._taken:
            self._session.execute("SELECT 1")
            return True
        found = self._session.execute(f"SELECT pg_try_advisory_lock({key})").fetchone()
        if found[0]:
            self._taken.add(key)
        return bool(found[0])

    def _let_go(self) -> None:
        self._taken.clear()
        self._session.close()


class AdvisoryLease:
    """What one receiver at a time may hold; any thread may ask."""

    def __init__(self, leases: _Leases, name: str) -> None:
        self._key = lock_key(f"lease {name}")
        self._leases = leases

    def holds(self) -> bool:
        """Whether it is ours now; takes it where nobody has it."""
        return self._leases.holds(self._key)

    def close(self) -> None:
        """Leave it to another."""
        self._leases.leave(self._key)
