# SPDX-License-Identifier: EUPL-1.2
"""What the provider of single sign-on says of itself: where to ask, and by which keys it signs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import requests
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from pydantic import BaseModel, ValidationError

from lakzegel_server.errors import SignOnError
from lakzegel_server.settings_people import Login
from lakzegel_server.settings_section import ServerUrl

SECONDS: Final = 10.0  # for an answer
KEPT_SECONDS: Final = 3600.0
ANEW_SECONDS: Final = 60.0  # between two fetches for a key that is not known
MAX_ANSWER: Final = 2**20  # bytes
_BAD_KEY: Final = (JoseError, ValueError, KeyError, TypeError)
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
S = TypeVar("S", bound=requests.Session)


class Metadata(BaseModel):
    """The part of the provider's metadata that is used."""

    issuer: str
    authorization_endpoint: ServerUrl
    token_endpoint: ServerUrl
    jwks_uri: ServerUrl
    authorization_response_iss_parameter_supported: bool = False

    @property
    def sends_issuer(self) -> bool:
        """Whether every answer says by whom it is (RFC 9207)."""
        return self.authorization_response_iss_parameter_supported


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    metadata: Metadata
    keys: KeySet


class Provider:
    """Metadata and keys, fetched when they are needed and kept for a while."""

    def __init__(self, settings: Login, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._kept: _Kept | None = None
        self._lock = threading.Lock()

    def session(self, session: S) -> S:
        """A session that believes the settings' certificates, and nothing of the environment."""
        session.trust_env = False
        if self._settings.ca_file is not None:
            session.verify = str(self._settings.ca_file)
        return session

    def metadata(self) -> Metadata:
        """Where to ask."""
        return self._known(KEPT_SECONDS).metadata

    def keys(self, *, fresh: bool) -> KeySet:
        """The keys; ``fresh`` when one was not among those of before."""
        return self._known(ANEW_SECONDS if fresh else KEPT_SECONDS).keys

    def _known(self, age: float) -> _Kept:
        with self._lock:
            kept, now = self._kept, self._clock()
            if kept is None or not 0 <= now - kept.at < age:
                kept = self._kept = self._fetch(now)
            return kept

    def _fetch(self, now: float) -> _Kept:
        """Everything anew.

        Raises:
            SignOnError: it is not what such a provider says.
            requests.RequestException: it does not answer.
        """
        with self.session(requests.Session()) as session:
            try:
                said = _get(session, self._settings.issuer + _WELL_KNOWN)
                metadata = Metadata.model_validate(said)
                if metadata.issuer.rstrip("/") != self._settings.issuer:
                    raise SignOnError("sso-provider")
                keys = _keys(_get(session, metadata.jwks_uri))
            except (ValidationError, *_BAD_KEY):
                raise SignOnError("sso-provider") from None
        return _Kept(now, metadata, keys)


def _keys(said: Any) -> KeySet:  # noqa: ANN401 - JSON, checked here
    """The keys that can be used; one of a kind that is not known takes the others away from nobody.

    Raises:
        JoseError, ValueError, KeyError, TypeError: there is none.
    """
    found: list[Key] = []
    for one in said["keys"]:
        with suppress(*_BAD_KEY):
            found += KeySet.import_key_set({"keys": [one]}).keys
    if not found:
        raise ValueError("no key")
    return KeySet(found)


def _get(session: requests.Session, url: str) -> Any:  # noqa: ANN401 - JSON, checked by the caller
    """The JSON of an answer that is no larger than it may be, from nowhere else."""
    with session.get(url, timeout=SECONDS, stream=True, allow_redirects=False) as answer:
        answer.raise_for_status()
        data = answer.raw.read(MAX_ANSWER + 1, decode_content=True)
        if len(data) > MAX_ANSWER or answer.is_redirect:
            raise ValueError("too large, or somewhere else")
        answer._content = data  # noqa: SLF001 - so that it decodes what was read
        return answer.json()
