# SPDX-License-Identifier: EUPL-1.2
"""Where a request came from: over TLS or not, which address, which site (people.md §5, §7)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from lakzegel_server.errors import ForgeryError
from lakzegel_server.settings_people import Address, Web
from lakzegel_server.words import text

HOME: Final = "/"
_UNKNOWN: Final = "-"
_MAX_NEXT: Final = 512
_NEXT: Final = re.compile(r"/(?!/)[A-Za-z0-9/_.~%=&?+-]*\Z")


def is_secure(web: Web, scope: Scope) -> bool:
    """Whether the sender's browser speaks TLS, as far as this receiver can know."""
    if scope["scheme"] == "https":
        return True
    return web.url is not None and web.url.startswith("https:") and _peer(scope) in web.proxies


def sender(web: Web, request: Request) -> str:
    """The address that sent it; what a header says of it counts from a trusted proxy alone."""
    found = _peer(request.scope)
    if found is None:
        return request.client.host if request.client else _UNKNOWN
    for part in reversed(request.headers.get("x-forwarded-for", "").split(",")):
        if found not in web.proxies:
            break
        told = _parse(part.strip())
        if told is None:
            break
        found = told
    return str(found)


def require_same_origin(web: Web, request: Request) -> None:
    """Return when a browser says that a page of this receiver sent this.

    Raises:
        ForgeryError: it was another site, or nothing says.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        same = request.headers.get("origin") in _own(web, request)
    if not same:
        raise ForgeryError(text("this did not come from a page of this receiver; open it there"))


def safe_next(path: str) -> str:
    """The page to go on to: one of this receiver's, or the first."""
    return path if len(path) <= _MAX_NEXT and _NEXT.match(path) else HOME


def _own(web: Web, request: Request) -> Collection[str]:
    scheme = "https" if is_secure(web, request.scope) else "http"
    host = Headers(scope=request.scope).get("host", "")
    return {f"{scheme}://{host}"} if web.url is None else {web.url}


def _peer(scope: Scope) -> Address | None:
    client = scope.get("client")
    return None if client is None else _parse(client[0])


@lru_cache(maxsize=1024)  # every request asks, mostly for the same few
def _parse(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
