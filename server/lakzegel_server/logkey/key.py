# SPDX-License-Identifier: EUPL-1.2
"""The log's key as the rest of the receiver sees it: a name, a public key, and ``sign``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_server.errors import ConfigError, LogKeyError
from lakzegel_server.logkey.process import SigningProcess
from lakzegel_server.logkey.token import TokenError
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_logkey import LogKey

AGAIN_SECONDS: Final = 5.0  # between two tries to open a token that failed
_NEXT: Final = {
    "extra": "install lakzegel[server-hsm]",
    "module": "the PKCS#11 module cannot be loaded; look at log_key.module",
    "token": "no token has this label, or several do; look at log_key.token",
    "pin": "the token refuses the PIN; look at log_key.pin_file, then start again",
    "key": "the token has no such Ed25519 key pair; look at log_key.key",
    "curve": "the key is not an Ed25519 key",
    "device": "the token does not answer as it should; look at the module and its device",
    "other": "the token has another key under this label than the log's",
}
_log: Final = logging.getLogger(__name__)


class TokenKey:
    """A signing key in a token; any thread may ask, one at a time is answered."""

    def __init__(
        self,
        origin: str,
        place: LogKey,
        process: SigningProcess,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verifier = VerifierKey(origin, Algorithm.ED25519, process.public)
        self._place = place
        self._process: SigningProcess | None = process
        self._monotonic = monotonic
        self._again = 0.0
        self._lock = threading.Lock()
        self.trouble: str | None = None  # a code of `token.py`, or `other`

    @classmethod
    def open(cls, origin: str, place: LogKey, *, make: bool = False) -> TokenKey:
        """The key that the settings name.

        Raises:
            ConfigError: what is wrong, and where to look.
        """
        try:
            process = SigningProcess.start(place, read_secret(place.pin_file), make=make)
        except TokenError as error:
            raise ConfigError(f"log_key: {explain(error)}") from None
        try:
            return cls(origin, place, process)
        except LakzegelError as error:
            process.close()
            raise ConfigError(f"log_key: {error}") from None

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return self._verifier

    def sign(self, message: bytes) -> bytes:
        """A signature that was verified.

        Raises:
            LogKeyError: the token gives none now. Nothing was signed; the next try, some seconds
                later, opens the token anew. A refused PIN is never tried again, for tokens lock.
        """
        with self._lock:
            try:
                signature = self._opened().sign(message)
                self._verifier.verify(signature, message)
            except TokenError as error:
                raise self._fail(error) from None
            except LakzegelError:
                raise self._fail(TokenError("device", "a signature that does not hold")) from None
            if self.trouble is not None:
                _log.warning("the log's key is well again")
                self.trouble = None
            return signature

    def close(self) -> None:
        """Let go of the token."""
        with self._lock:
            if self._process is not None:
                self._process.close()
            self._process = None

    def _opened(self) -> SigningProcess:
        if self._process is None:
            if self.trouble == "pin" or self._monotonic() < self._again:
                raise TokenError(self.trouble or "device", "waiting")
            process = SigningProcess.start(self._place, read_secret(self._place.pin_file))
            if process.public != self._verifier.public:
                process.close()
                raise TokenError("other", "another public key")
            self._process = process
        return self._process

    def _fail(self, error: TokenError) -> LogKeyError:
        if error.kind != "waiting":
            self._again = self._monotonic() + AGAIN_SECONDS
        if self.trouble != error.code:
            _log.error("the log's key: %s (%s)", explain(error), error.kind)
        self.trouble = error.code
        if self._process is not None:
            self._process.close()
            self._process = None
        return LogKeyError(f"the log cannot sign: {error.code}; try again")


def explain(error: TokenError) -> str:
    """What is wrong, and what to do."""
    return _NEXT.get(error.code, _NEXT["device"])
