# SPDX-License-Identifier: EUPL-1.2
"""One login for one person: a token that is printed and used once, then a session.

docs/spec/review.md §7. Nothing of it is on the disk; ending the program ends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

TOKEN_SECONDS: Final = 300.0  # from printing to use
IDLE_SECONDS: Final = 1800.0
SESSION_SECONDS: Final = 43_200.0
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Flash:
    """What the next page says first: text, what fills its holes, and lines to take back."""

    text: str
    holes: Mapping[str, object] = field(default_factory=dict)
    to: str = ""  # a word that is looked up, for the hole of that name
    lines: tuple[int, ...] = ()


@dataclass(slots=True, repr=False)
class Session:
    """Who is here, and what he said he came for."""

    csrf: str
    begun: float
    used: float
    language: str
    reason: str = ""
    keys: bool = True  # single keys act
    flash: Flash | None = None
    seen: set[str] = field(default_factory=set)  # units whose opening is in the audit trail


class Sessions:
    """The one token and the one session of this program."""

    def __init__(self, clock: Callable[[], float], language: str) -> None:
        """Make the token; `clock` gives seconds that never go back."""
        self._clock = clock
        self._language = language
        self._token: bytes | None = None
        self._expires = 0.0
        self._cookie = b""
        self._session: Session | None = None

    def new_token(self) -> str:
        """Return a token that replaces any before it."""
        token = secrets.token_urlsafe(_BYTES)
        self._token = _digest(token)
        self._expires = self._clock() + TOKEN_SECONDS
        return token

    def exchange(self, token: str) -> str | None:
        """Return the value of the session's cookie for a token, once; None for any other."""
        known, self_expired = self._token, self._clock() >= self._expires
        if known is None or not hmac.compare_digest(known, _digest(token)):
            return None
        self._token = None
        if self_expired:
            return None
        cookie = secrets.token_urlsafe(_BYTES)
        now = self._clock()
        self._cookie = _digest(cookie)
        self._session = Session(secrets.token_urlsafe(_BYTES), now, now, self._language)
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie, None where there is none or it is over."""
        session, now = self._session, self._clock()
        if session is None or not hmac.compare_digest(self._cookie, _digest(cookie)):
            return None
        if now - session.used > IDLE_SECONDS or now - session.begun > SESSION_SECONDS:
            self._session = None
            return None
        session.used = now
        return session

    def end(self) -> None:
        """Let nobody in any more."""
        self._session = self._token = None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
