# SPDX-License-Identifier: EUPL-1.2
"""Logins that are at the provider: kept by the browser, sealed by the receiver (people.md §9).

The key, and which of them came back, are in the index: the way back may lead to another receiver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import astuple
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lakzegel_server.database import Database
from lakzegel_server.errors import SignOnError
from lakzegel_server.people.signon import Begun
from lakzegel_server.schema import row_digest

LASTS: Final = 600  # seconds
MAX_USED: Final = 10_000  # that are remembered; the provider takes no code twice either
MAX_COOKIE: Final = 2048
_NONCE: Final = 12  # bytes
_FOR: Final = b"lakzegel login at a provider"


class BegunLogins:
    """Seals what a login needs to go on, and opens it once."""

    def __init__(
        self, database: Database, lock: threading.Lock, clock: Callable[[], float]
    ) -> None:
        """The key is made where there is none; ``lock`` is the connection's."""
        self._database = database
        self._lock = lock
        self._clock = clock
        with lock:
            self._key = AESGCM(_shared_key(database))

    def seal(self, begun: Begun, wanted: str) -> str:
        """The cookie's value; nobody but the receivers of this index can read or make one."""
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps([*astuple(begun), wanted, self._clock() + LASTS]).encode()
        return base64.urlsafe_b64encode(nonce + self._key.encrypt(nonce, text, _FOR)).decode()

    def open(self, cookie: str, state: str) -> tuple[Begun, str]:
        """What was begun, and the page that was wanted; once for each, at whichever receiver.

        Raises:
            SignOnError: not of this browser, over, or used.
        """
        begun, wanted, until = self._unseal(cookie)
        if not hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "replace")):
            raise SignOnError("sso-state")
        if until <= self._clock() or not self._spend(begun.state, int(until)):
            raise SignOnError("sso-state")
        return begun, wanted

    def _spend(self, state: str, until: int) -> bool:
        """Note that it was used; False when it was before."""
        row = (hashlib.sha256(state.encode()).digest(), until)
        with self._lock, self._database.transaction() as change:
            done = change.execute(
                "INSERT INTO used_logins VALUES (?, ?, ?) ON CONFLICT (state) DO NOTHING",
                (*row, row_digest(*row)),
            )
            is_first = done.rowcount == 1
            change.execute("DELETE FROM used_logins WHERE until <= ?", (int(self._clock()),))
            change.execute(
                "DELETE FROM used_logins WHERE state IN (SELECT state FROM used_logins"
                " ORDER BY until DESC, state LIMIT ? OFFSET ?)",
                (MAX_USED, MAX_USED),
            )
        return is_first

    def _unseal(self, cookie: str) -> tuple[Begun, str, float]:
        try:
            data = base64.urlsafe_b64decode(cookie[:MAX_COOKIE])
            text = self._key.decrypt(data[:_NONCE], data[_NONCE:], _FOR)
        except (ValueError, InvalidTag):
            raise SignOnError("sso-state") from None
        state, nonce, verifier, wanted, until = json.loads(text)
        return Begun(state, nonce, verifier), wanted, until


def _shared_key(database: Database) -> bytes:
    """The key of all receivers of an index; the first one makes it."""
    row: tuple[int, bytes] = (1, AESGCM.generate_key(256))
    with database.transaction() as change:
        change.execute(
            "INSERT INTO login_keys VALUES (?, ?, ?) ON CONFLICT (one) DO NOTHING",
            (*row, row_digest(*row)),
        )
    return bytes(database.connection.execute("SELECT key FROM login_keys").fetchone()[0])
