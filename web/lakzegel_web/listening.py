# SPDX-License-Identifier: EUPL-1.2
"""Where a program listens: HTTPS, or plain HTTP on this machine alone.

What is wrong is raised as the error that the room gives, for it is said to who typed the command.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Final

_MAX_PORT: Final = 65_535


def parse_listen(
    listen: str, *, cert: Path | None, key: Path | None, wrong: type[Exception]
) -> tuple[str, int]:
    """Return host and port of ``ADDR:PORT`` (an IPv6 address in brackets).

    Raises:
        wrong: no address and port, half a certificate, or plain HTTP that others could reach.
    """
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > _MAX_PORT:
        raise wrong(f"--listen {listen}: not ADDR:PORT")
    if (cert is None) != (key is None):
        raise wrong("--tls-cert and --tls-key belong together; give both or neither")
    if cert is None and not is_loopback(host):
        raise wrong(
            f"--listen {listen}: plain HTTP is for loopback addresses only;"
            " give --tls-cert and --tls-key"
        )
    return host, int(port)


def bind(host: str, port: int, *, backlog: int, wrong: type[Exception]) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        wrong: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        raise wrong(f"--listen {host}:{port}: {error.strerror or error}") from None
    return bound


def url_of(host: str, bound: socket.socket, *, secure: bool) -> str:
    """Return the address that clients use."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{bound.getsockname()[1]}"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can be meant."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
