# SPDX-License-Identifier: EUPL-1.2
"""Logins that are at the provider: kept by the browser, sealed by this process (people.md §9)."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import astuple
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lakzegel_server.errors import SignOnError
from lakzegel_server.people.signon import Begun

LASTS: Final = 600  # seconds
MAX_COOKIE: Final = 2048
_NONCE: Final = 12  # bytes
_FOR: Final = b"lakzegel login at a provider"


class BegunLogins:
    """Seals what a login needs to go on, and opens it once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._key = AESGCM(AESGCM.generate_key(256))
        self._clock = clock
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def seal(self, begun: Begun, wanted: str) -> str:
        """The cookie's value; nobody but this process can read or make one."""
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps([*astuple(begun), wanted, self._clock() + LASTS]).encode()
        return base64.urlsafe_b64encode(nonce + self._key.encrypt(nonce, text, _FOR)).decode()

    def open(self, cookie: str, state: str) -> tuple[Begun, str]:
        """What was begun, and the page that was wanted; once for each.

        Raises:
            SignOnError: not of this browser, over, or used.
        """
        begun, wanted, until = self._unseal(cookie)
        if not hmac.compare_digest(begun.state.encode(), state.encode("utf-8", "replace")):
            raise SignOnError("sso-state")
        now = self._clock()
        with self._lock:
            self._forget(now)
            if until <= now or begun.state in self._used:
                raise SignOnError("sso-state")
            self._used[begun.state] = until
        return begun, wanted

    def _forget(self, now: float) -> None:
        """Drop those that are over, from the one that was used first on; the rest in its turn."""
        while self._used:
            first = next(iter(self._used))
            if self._used[first] > now:
                return
            del self._used[first]

    def _unseal(self, cookie: str) -> tuple[Begun, str, float]:
        try:
            data = base64.urlsafe_b64decode(cookie[:MAX_COOKIE])
            text = self._key.decrypt(data[:_NONCE], data[_NONCE:], _FOR)
        except (ValueError, InvalidTag):
            raise SignOnError("sso-state") from None
        state, nonce, verifier, wanted, until = json.loads(text)
        return Begun(state, nonce, verifier), wanted, until
