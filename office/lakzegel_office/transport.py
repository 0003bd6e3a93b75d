# SPDX-License-Identifier: EUPL-1.2
"""What the office asks of the receiver, and with `bounded.py` the only importer of requests.

Every answer has a largest size; what comes back is bytes that nobody has trusted yet. HTTP as in
docs/spec/http.md.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

import requests
import requests.auth

from lakzegel_core import limits
from lakzegel_core.timerenewal import MAX_LIST
from lakzegel_office.bounded import CONNECT, READ, SlowError, bounded_session, pieces
from lakzegel_office.errors import MissingError, RefusedError, UnreachableError, UsageError
from lakzegel_office.mirror import MAX_BUNDLE

ATTEMPTS: Final = 4  # tries of one request before the command gives up
PAUSE: Final = 0.5  # seconds before the second try; doubles
MAX_PROBLEM: Final = 65_536  # bytes of an error's body

MAX_PAGE: Final = 2**20  # bytes of a list of 1,000 tokens; a line has some 250

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_FINE: Final = 2  # hundreds; a redirect is a refusal, for it would carry the token elsewhere
_OK: Final = 200
_NOT_FOUND: Final = frozenset({404, 410})
_AGAIN: Final = frozenset({429, 502, 503, 504, 507})


class Receiver(Protocol):
    """What the office needs of a receiver.

    All methods raise MissingError (not there), RefusedError (never the same again) or
    UnreachableError (try again later).
    """

    def checkpoint(self) -> bytes:
        """Return the newest served checkpoint."""

    def entries(self, path: str) -> bytes:
        """Return one bundle of log entries, `tile/entries/…`."""

    def batch(self, batch_id: str) -> Iterator[bytes]:
        """Yield the batch file in pieces."""

    def keyring(self, batch_id: str) -> bytes:
        """Return the keyring file."""

    def annex(self, digest: str) -> bytes:
        """Return the annex with this SHA-256 (hex)."""

    def timestamps(self, since: int, after: str | None) -> bytes:
        """Return the list of tokens of that POSIX second or later, after the one of this name."""

    def timestamp(self, file: str) -> bytes:
        """Return a token, what it is over, or a root."""

    def send_annex(self, digest: str, data: bytes) -> None:
        """Hand over an annex that was sealed here."""

    def send_cosignature(self, note: bytes) -> None:
        """Hand over a checkpoint with one cosignature."""

    def send_held(self, note: bytes) -> None:
        """Hand over a held statement."""

    def send_note(self, note: bytes) -> None:
        """Have a signed entry appended to the log."""

    def replace_keyring(self, batch_id: str, note: bytes, keyring: bytes) -> None:
        """Have a keyring replaced by its signed entry; the old one is deleted there by then."""


class HttpReceiver:
    """A receiver at the other end of HTTPS, or of loopback HTTP."""

    def __init__(
        self,
        server: str,
        *,
        token: str | None,
        ca_file: Path | None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the address and the bearer token; nothing is sent yet."""
        self._server = server.rstrip("/")
        self._sleep = sleep
        # by request, for the environment would win over the session's (REQUESTS_CA_BUNDLE)
        self._verify: str | bool = str(ca_file) if ca_file is not None else True
        self._session = bounded_session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.auth = _Bearer(token)
        if urlsplit(server).hostname in _LOOPBACK:
            self._session.trust_env = False  # a proxy has no part in what stays on this machine

    @classmethod
    def open(cls, server: str, *, token: str | None, ca_file: Path | None) -> Self:
        """Return a receiver whose address may carry a token.

        Raises:
            UsageError: plain HTTP to another machine would show the token to the network; the
                file of authorities cannot be read.
        """
        parts = urlsplit(server)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or plain):
            raise UsageError(f"{server}: the receiver's address must be https:// (or loopback)")
        if ca_file is not None and not os.access(ca_file, os.R_OK):
            raise UsageError(f"{ca_file}: the authorities' file is not there, or not readable")
        return cls(server, token=token, ca_file=ca_file)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._session.close()

    def checkpoint(self) -> bytes:
        """Return the newest served checkpoint."""
        return self._get("/log/checkpoint", limits.MAX_CHECKPOINT)

    def wait(self, size: int, seconds: int) -> bool:
        """Return whether the log grew beyond ``size`` within so long (handover.md §1)."""
        path = f"/v1/wait?size={size}&seconds={seconds}"
        with self._request("GET", path, None) as answer:
            return answer.status_code == _OK

    def entries(self, path: str) -> bytes:
        """Return one bundle of log entries."""
        return self._get(f"/log/{path}", MAX_BUNDLE)

    def batch(self, batch_id: str) -> Iterator[bytes]:
        """Yield the batch file in pieces; never more than a batch may measure."""
        with self._request("GET", f"/v1/batches/{batch_id}", None) as answer:
            yield from self._pieces(answer, limits.MAX_BATCH)

    def keyring(self, batch_id: str) -> bytes:
        """Return the keyring file."""
        return self._get(f"/v1/keyrings/{batch_id}", limits.MAX_KEYRING)

    def annex(self, digest: str) -> bytes:
        """Return an annex."""
        return self._get(f"/v1/annexes/{digest}", limits.MAX_ANNEX)

    def timestamps(self, since: int, after: str | None) -> bytes:
        """Return a page of the list of tokens."""
        more = "" if after is None else f"&after={after}"
        return self._get(f"/v1/timestamps?since={since}{more}", MAX_PAGE)

    def timestamp(self, file: str) -> bytes:
        """Return a file of a token."""
        return self._get(f"/v1/timestamps/{file}", MAX_LIST)

    def send_annex(self, digest: str, data: bytes) -> None:
        """Hand over an annex that was sealed here."""
        self._request("PUT", f"/v1/annexes/{digest}", data).close()

    def send_cosignature(self, note: bytes) -> None:
        """Hand over a checkpoint with one cosignature."""
        self._request("POST", "/v1/cosignatures", note).close()

    def send_held(self, note: bytes) -> None:
        """Hand over a held statement."""
        self._request("POST", "/v1/held", note).close()

    def send_note(self, note: bytes) -> None:
        """Have a signed entry appended to the log."""
        self._request("POST", "/v1/notes", note).close()

    def replace_keyring(self, batch_id: str, note: bytes, keyring: bytes) -> None:
        """Have a keyring replaced by its signed entry."""
        body = len(note).to_bytes(2, "big") + note + keyring
        self._request("POST", f"/v1/keyrings/{batch_id}", body).close()

    def _get(self, path: str, limit: int) -> bytes:
        with self._request("GET", path, None) as answer:
            return b"".join(self._pieces(answer, limit))

    def _pieces(self, answer: requests.Response, limit: int) -> Iterator[bytes]:
        taken = 0
        try:
            for piece in pieces(answer, time.monotonic):
                taken += len(piece)
                if taken > limit:
                    raise RefusedError(f"{answer.url}: more than {limit} bytes; refused")
                yield piece
        except SlowError as error:
            raise UnreachableError(f"{answer.url}: {error}; try again") from error
        except (requests.RequestException, OSError) as error:
            raise UnreachableError(f"{answer.url}: the answer broke off; try again") from error

    def _request(self, method: str, path: str, body: bytes | None) -> requests.Response:
        """Return an answer of 2xx, after a few tries where trying again may help."""
        pause = PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(pause)
                pause *= 2
            try:
                answer = self._session.request(
                    method,
                    self._server + path,
                    data=body,
                    timeout=(CONNECT, READ),
                    verify=self._verify,
                    stream=True,
                    allow_redirects=False,
                )
            except (requests.RequestException, OSError) as error:
                fault = UnreachableError(
                    f"{self._server}: cannot reach the receiver; {_why(error)}"
                )
                continue
            if answer.status_code // 100 == _FINE:
                return answer
            fault = _refusal(answer, path)
            if answer.status_code not in _AGAIN:
                break
        raise fault


class _Bearer(requests.auth.AuthBase):
    """The account's token; what the user's `.netrc` says of this machine is not looked up."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _why(error: Exception) -> str:
    """Return a short cause without the library's nesting."""
    cause: BaseException = error
    while cause.__cause__ is not None or cause.__context__ is not None:
        cause = cause.__cause__ or cause.__context__ or cause
    text = getattr(cause, "strerror", None)
    return str(text) if text else type(cause).__name__


def _refusal(answer: requests.Response, path: str) -> UnreachableError:
    """Return the error that an answer outside 2xx stands for; closes the answer."""
    try:
        body = _at_most(MAX_PROBLEM, pieces(answer, time.monotonic))
    except (requests.RequestException, OSError, SlowError):
        body = b""
    finally:
        answer.close()
    text = f"{path}: the receiver answered {answer.status_code} {_detail(body)}".rstrip()
    if answer.status_code in _NOT_FOUND:
        return MissingError(text)
    if answer.status_code in _AGAIN:
        return UnreachableError(text)
    return RefusedError(text)


def _at_most(limit: int, found: Iterator[bytes]) -> bytes:
    """Return the first bytes of a body."""
    body = b""
    for piece in found:
        body += piece
        if len(body) >= limit:
            break
    return body[:limit]


def _detail(body: bytes) -> str:
    """Return title and detail of a problem document, printable and short; or nothing."""
    try:
        problem = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(problem, dict):
        return ""
    words = [str(problem[name]) for name in ("title", "detail") if name in problem]
    return "".join(c if c.isprintable() else "?" for c in ": ".join(words))[:300]
