# SPDX-License-Identifier: EUPL-1.2
"""Single sign-on: OpenID Connect's code flow with PKCE (docs/spec/people.md §9).

authlib speaks OAuth 2 and joserfc, which it brings, verifies tokens; what must hold is here.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError

from lakzegel_server.accounts import Account, AccountRole, Way
from lakzegel_server.errors import BusyError, SignOnError
from lakzegel_server.people.provider import SECONDS, Provider
from lakzegel_server.settings_people import Login
from lakzegel_server.words import text

ALGORITHMS: Final = ("ES256", "PS256", "RS256", "EdDSA")
RANDOM: Final = 43  # characters of 62 kinds: 256 bits
LEEWAY: Final = 60  # seconds that clocks may differ
OLDEST: Final = 600  # seconds since a token was issued
MAX_NAME: Final = 255
MAX_AT_ONCE: Final = 2
MANY: Final = text("too many log in at this moment; try again")
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was sent to the provider; what its answer is held against."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider had the browser bring back."""

    code: str = field(repr=False)
    issuer: str | None


@dataclass(frozen=True, slots=True)
class Proven:
    """Who it is, and the value of the claim that gives the role."""

    account: Account
    value: str


class SignOn:
    """One provider, and this receiver as its client."""

    def __init__(self, settings: Login, secret: str, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._provider = Provider(settings, clock)
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def begin(self) -> tuple[str, Begun]:
        """Where to send the browser, and what to hold its answer against."""
        with self._asking() as client:
            begun = Begun(*(generate_token(RANDOM) for _ in range(3)))
            address, _ = client.create_authorization_url(
                self._provider.metadata().authorization_endpoint,
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
            return str(address), begun

    def finish(self, answer: Answer, begun: Begun) -> Proven:
        """Who logged in.

        Raises:
            SignOnError: nobody that may come in.
            BusyError: the provider does not answer, or too many ask.
        """
        with self._asking() as client:
            metadata = self._provider.metadata()
            if answer.issuer is None and metadata.sends_issuer:
                raise SignOnError("sso-token")
            if answer.issuer not in {None, metadata.issuer}:
                raise SignOnError("sso-token")
            token = client.fetch_token(
                metadata.token_endpoint,
                code=answer.code,
                code_verifier=begun.verifier,
                timeout=SECONDS,
            )
            raw = token.get("id_token")
            if not isinstance(raw, str):
                raise SignOnError("sso-token")
            return self._prove(self._claims(raw), begun, metadata.issuer)

    def _claims(self, raw: str) -> dict[str, Any]:
        """What the token claims, when a key of the provider's signed it."""
        for fresh in (False, True):
            try:
                keys = self._provider.keys(fresh=fresh)
                return dict(jwt.decode(raw, keys, algorithms=ALGORITHMS).claims)
            except (JoseError, ValueError) as error:
                if fresh:
                    _log.warning("a token of single sign-on: %s", type(error).__name__)
        raise SignOnError("sso-token")

    def _prove(self, claims: dict[str, Any], begun: Begun, issuer: str) -> Proven:
        """Who the claims say it is, when everything that must hold does (people.md §9)."""
        now, wanted = int(self._clock()), self._settings
        essential: Any = {"essential": True}
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            sub=essential,
            aud={"essential": True, "value": wanted.client_id},
            exp=essential,
            iat=essential,
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            _log.warning("a claim of single sign-on: %s", type(error).__name__)
            raise SignOnError("sso-token") from None
        nonce = str(claims.get("nonce", "")).encode()
        alone = claims["aud"] in (wanted.client_id, [wanted.client_id])
        holds = (
            hmac.compare_digest(nonce, begun.nonce.encode()),
            claims["iat"] >= now - OLDEST - LEEWAY,
            claims.get("azp", wanted.client_id if alone else None) == wanted.client_id,
            not wanted.acr or claims.get("acr") in wanted.acr,
        )
        if not all(holds):
            raise SignOnError("sso-token")
        return self._person(claims)

    def _person(self, claims: dict[str, Any]) -> Proven:
        name, values = claims.get(self._settings.name), claims.get(self._settings.claim, [])
        if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= MAX_NAME:
            raise SignOnError("sso-token")
        given = [values] if isinstance(values, str) else values
        if not isinstance(given, list):
            raise SignOnError("sso-token", name=name)
        roles: dict[AccountRole, str] = {}
        for value in given:
            role = self._settings.role_of(value) if isinstance(value, str) else None
            if role is not None:
                roles[role] = value
        if len(roles) != 1:
            raise SignOnError("no-role", name=name)
        ((role, value),) = roles.items()
        return Proven(Account(name, role, Way.SIGN_ON), value)

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """A client of the provider's; its failures in our words."""
        if not self._places.acquire(blocking=False):
            raise BusyError(MANY)
        client = self._provider.session(
            OAuth2Session(
                self._settings.client_id,
                self._secret,
                scope=self._settings.scope,
                redirect_uri=self._settings.redirect,
                code_challenge_method="S256",
            )
        )
        try:
            yield client
        except requests.RequestException as error:
            _log.warning("single sign-on does not answer: %s", type(error).__name__)
            raise BusyError(text("single sign-on does not answer; try again")) from None
        except (AuthlibBaseError, ValueError) as error:
            _log.warning("single sign-on refuses: %s", type(error).__name__)
            raise SignOnError("sso-provider") from None
        finally:
            client.close()
            self._places.release()
