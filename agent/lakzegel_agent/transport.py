# SPDX-License-Identifier: EUPL-1.2
"""What a device asks of the receiver, and with `bounded.py` the only user of requests.

docs/spec/http.md. Every answer has a largest size and a deadline; what comes back is bytes that
nobody has trusted yet. No redirect is followed, no credential is sent: a device's notes are its
credential.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from lakzegel_agent.answer import MAX_ANSWER
from lakzegel_agent.bounded import CONNECT, READ, SlowError, bounded_session, pieces, without_login
from lakzegel_agent.certificates import end_of_file, end_of_peer
from lakzegel_agent.errors import RefusedError, UnreachableError
from lakzegel_agent.lean import requests
from lakzegel_agent.proxies import Routes, named
from lakzegel_agent.stranger import issuer_of
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_PROOF

PROBLEMS: Final = "https://lakzegel.nl/problems/"  # begins every problem type of ours
MAX_PROBLEM: Final = 16_384  # bytes of a refusal
MAX_RETRY_AFTER: Final = 3600.0  # seconds; a receiver may not silence a device for longer
_FINE: Final = 2  # hundreds
CATCHING_UP: Final = "catching-up"  # the problem's code, docs/spec/http.md §3
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_DETAIL: Final = 300  # characters of somebody else's text
_CERTIFICATE: Final = re.compile(r"certificate verify failed: ([^()\"]{1,120})")
_SHOWN: Final = "certificate: "  # begins what is wrong with the one that was shown
_TUNNEL: Final = re.compile(r"[Tt]unnel connection failed: ([0-9]{3})")


class Body(Protocol):
    """What is sent as a whole: its length is known and it can be read again from its start.

    A piece is used up before the next one is asked for.
    """

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes | memoryview]: ...


class LaterError(UnreachableError):
    """The receiver answered "try again", perhaps after so many seconds."""

    def __init__(self, message: str, *, after: float | None) -> None:
        super().__init__(message)
        self.after = after


class UnsureError(LaterError):
    """The receiver finds out whether its log is the newest: who saw it should say what he saw."""


class ProxyError(UnreachableError):
    """The proxy does not answer, or refuses; no login is in the text."""


class TlsError(UnreachableError):
    """Who answers cannot prove to be the receiver, or speaks no TLS that we speak."""


class NeverError(RefusedError):
    """The receiver refused; ``status`` and ``code`` are those of its problem document.

    ``code`` is empty when the answer was no problem document of ours: a proxy's, perhaps.
    """

    def __init__(self, message: str, *, status: int, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Receiver(Protocol):
    """What a device needs of a receiver.

    All raise UnreachableError (again later) or NeverError (never the same again).
    """

    def checkpoint(self) -> bytes:
        """The newest served checkpoint."""
        ...

    def device(self, query: bytes, *, old: int) -> bytes:
        """What the log holds about the device whose query this is."""
        ...

    def send_note(self, note: bytes, *, old: int) -> bytes:
        """The receipt of an entry for the log."""
        ...

    def send_batch(self, name: str, body: Body, *, old: int) -> bytes:
        """The receipt of a batch: its file, then its keyring file."""
        ...

    def send_cosignature(self, note: bytes) -> None:
        """Hand over a checkpoint with this device's cosignature."""
        ...

    def send_heartbeat(self, note: bytes) -> None:
        """Hand over what this device says of its own health."""
        ...

    def trusted_until(self) -> datetime | None:
        """When what the receiver is trusted by comes to its end; None where that is not known."""
        ...

    def close(self) -> None:
        """Let the connections go."""
        ...


class HttpReceiver:
    """A receiver at the other end of HTTPS, or of HTTP on this machine."""

    def __init__(
        self,
        server: str,
        *,
        ca_file: Path | None,
        routes: Routes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server.rstrip("/")
        self._clock = clock
        self._routes = Routes(server) if routes is None else routes
        self._verify: str | bool = str(ca_file) if ca_file is not None else True
        self._session = bounded_session()
        self._session.headers["Accept-Encoding"] = "identity"
        self._session.headers["User-Agent"] = "lakzegel-agent"
        self._session.auth = without_login
        self._ca_file = ca_file
        self._certificate: datetime | None = None  # the end of the receiver's own, as it was seen

    def checkpoint(self) -> bytes:
        """The newest served checkpoint."""
        return self._ask("GET", "/log/checkpoint", None, MAX_CHECKPOINT)

    def device(self, query: bytes, *, old: int) -> bytes:
        """What the log holds about a device."""
        return self._ask("POST", f"/v1/device?old={old}", query, MAX_ANSWER)

    def send_note(self, note: bytes, *, old: int) -> bytes:
        """The receipt of an entry."""
        return self._ask("POST", f"/v1/notes?old={old}", note, MAX_PROOF)

    def send_batch(self, name: str, body: Body, *, old: int) -> bytes:
        """The receipt of a batch."""
        return self._ask("PUT", f"/v1/batches/{name}?old={old}", body, MAX_PROOF)

    def send_cosignature(self, note: bytes) -> None:
        """Hand over a cosignature."""
        self._ask("POST", "/v1/cosignatures", note, MAX_PROBLEM)

    def send_heartbeat(self, note: bytes) -> None:
        """Hand over a heartbeat."""
        self._ask("POST", "/v1/heartbeats", note, MAX_PROBLEM)

    def trusted_until(self) -> datetime | None:
        """The end of the receiver's certificate, or of the last one in ``ca_file`` before it."""
        ends = [self._certificate, None if self._ca_file is None else end_of_file(self._ca_file)]
        return min((end for end in ends if end is not None), default=None)

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def _ask(self, method: str, path: str, body: bytes | Body | None, limit: int) -> bytes:
        """The body of an answer of 2xx; one try."""
        way = self._routes.current()
        data: Any = body  # of views, too: the library says bytes, and hands them to the socket
        try:
            with self._session.request(
                method,
                self._server + path,
                data=data,
                headers={"Content-Type": "application/octet-stream"} if body is not None else None,
                timeout=(CONNECT, READ),
                stream=True,
                allow_redirects=False,
                verify=self._verify,
                proxies={} if way is None else {"http": way, "https": way},
            ) as answer:
                self._certificate = end_of_peer(answer) or self._certificate
                if answer.status_code // 100 == _FINE:
                    return self._read(answer, limit)
                raise _refusal(answer, self._read(answer, MAX_PROBLEM), path)
        except (requests.RequestException, OSError) as error:
            raise self._failure(error, way) from None

    def _failure(self, error: Exception, way: str | None) -> UnreachableError:
        """What went wrong, and where: the proxy, who answers, or the network."""
        if isinstance(error, requests.exceptions.ProxyError) and way is not None:
            self._routes.failed()
            return ProxyError(f"proxy {named(way)}: {_of_proxy(error)}; it is tried again")
        if isinstance(error, requests.exceptions.SSLError):
            return TlsError(
                f"{self._server}: no TLS with the receiver: {self._of_tls(error, way)};"
                " it is tried again"
            )
        self._routes.failed()
        trouble = f" ({self._routes.trouble})" if self._routes.trouble else ""
        return UnreachableError(
            f"{self._server}: cannot reach the receiver: {_why(error)}{trouble}; it is tried again"
        )

    def _of_tls(self, error: Exception, way: str | None) -> str:
        """What OpenSSL has against who answers, and whose certificate that is."""
        text = _of_tls(error)
        if not text.startswith(_SHOWN):
            return text
        issuer = issuer_of(self._server, way)
        return text if issuer is None else f"{text}; it was issued by {_printable(issuer)}"

    def _read(self, answer: requests.Response, limit: int) -> bytes:
        whole: list[bytes] = []
        taken = 0
        try:
            for piece in pieces(answer, self._clock):
                taken += len(piece)
                if taken > limit:
                    raise UnreachableError(f"{self._server}: an answer of more than {limit} bytes")
                whole.append(piece)
        except SlowError as error:
            raise UnreachableError(f"{self._server}: {error}") from None
        return b"".join(whole)


def _refusal(answer: requests.Response, body: bytes, path: str) -> UnreachableError | NeverError:
    code, detail, again = _problem(body)
    status = answer.status_code
    text = f"{path.partition('?')[0]}: the receiver answered {status} {detail}".rstrip()
    if again if again is not None and status // 100 == 5 else status in _AGAIN:  # noqa: PLR2004
        kind = UnsureError if code == CATCHING_UP else LaterError
        return kind(text, after=_seconds(answer.headers.get("Retry-After", "")))
    return NeverError(text, status=status, code=code)


def _problem(body: bytes) -> tuple[str, str, bool | None]:
    """Code, text and "retry" of a problem document (RFC 9457); harmless whatever it is."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return "", "", None
    if not isinstance(value, dict):
        return "", "", None
    kind = str(value.get("type", ""))
    code = kind.removeprefix(PROBLEMS) if kind.startswith(PROBLEMS) else ""
    words = [str(value[name]) for name in ("title", "detail") if name in value]
    again = value.get("retry")
    return _printable(code), _printable(": ".join(words)), again if type(again) is bool else None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:_DETAIL]


def _seconds(text: str) -> float | None:
    if not (text.isascii() and text.isdigit()) or len(text) > len("86400"):
        return None
    return min(float(text), MAX_RETRY_AFTER)


def _of_proxy(error: BaseException) -> str:
    """What the proxy said, without its words: they are somebody else's."""
    found = _TUNNEL.search(str(error))
    return f"it refused with {found[1]}" if found else f"it does not answer: {_why(error)}"


def _of_tls(error: BaseException) -> str:
    """What OpenSSL has against the certificate, wherever the libraries put it."""
    found = _CERTIFICATE.search(str(error))
    return _printable(f"{_SHOWN}{found[1].strip()}") if found else _why(error)


def _why(error: BaseException) -> str:
    """A short cause without the library's nesting."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__ or error
    text = getattr(error, "strerror", None)
    return str(text) if text else type(error).__name__
