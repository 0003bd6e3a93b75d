# SPDX-License-Identifier: EUPL-1.2
"""Whose certificate is shown in the receiver's place, so that a person can find who sits between.

Nothing is sent to whoever shows it, and nothing of it is believed: it is a name in an error, by the
certificate's own word. docs/spec/settings.md §4
"""

from __future__ import annotations

import base64
import http.client
import ssl
from contextlib import closing
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT: Final = 10.0  # seconds for the connection
HTTPS: Final = 443
PROXY: Final = 80
MAX_NAME: Final = 80  # characters


def issuer_of(server: str, way: str | None) -> str | None:
    """Who issued the certificate that is shown there; None where that cannot be found out.

    ``way`` is the proxy's address, with its login.
    """
    try:
        with closing(_line(urlsplit(server), way)) as line:
            line.connect()
            data = line.sock.getpeercert(binary_form=True)
        return _issuer(data) if data else None
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _line(server: SplitResult, way: str | None) -> http.client.HTTPSConnection:
    """The connection, not made yet; a proxy that is reached over TLS is not asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = server.hostname or "", server.port or HTTPS
    if way is None:
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=context)
    proxy = urlsplit(way)
    if proxy.scheme != "http":
        raise ValueError("a proxy over TLS")
    line = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or PROXY, timeout=TIMEOUT, context=context
    )
    headers = {}
    if proxy.username is not None:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    line.set_tunnel(host, port, headers)
    return line


def _issuer(data: bytes) -> str | None:
    from cryptography import x509  # noqa: PLC0415 - only where something is wrong: it weighs much
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    names = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    issuer = x509.load_der_x509_certificate(data).issuer
    found = [str(one.value) for name in names for one in issuer.get_attributes_for_oid(name)]
    return ", ".join(found)[:MAX_NAME] or None
