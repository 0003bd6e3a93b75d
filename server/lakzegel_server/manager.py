# SPDX-License-Identifier: EUPL-1.2
"""What a service manager says to a receiver, and hears from it (docs/spec/http.md §10).

systemd's protocol: a listening socket handed over as descriptor 3, and datagrams about readiness.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Final

from lakzegel_server.errors import ConfigError
from lakzegel_server.settings import from_manager

_FIRST: Final = 3  # the first descriptor that is handed over
_PARTS: Final = 3  # of the watchdog's time: told that often


def inherited_socket() -> socket.socket | None:
    """The listening socket that was handed over; None when there is none for this process.

    Raises:
        ConfigError: more than one was, or one that does not listen for connections.
    """
    count = from_manager("LISTEN_FDS")
    if from_manager("LISTEN_PID") != str(os.getpid()) or not count:
        return None
    if count != "1":
        raise ConfigError(f"LISTEN_FDS={count}: give lakzegel-server one socket")
    try:
        found = socket.socket(fileno=_FIRST)
    except OSError as error:
        raise ConfigError(f"descriptor {_FIRST}: {error.strerror or error}") from None
    found.set_inheritable(False)
    if found.family not in {socket.AF_INET, socket.AF_INET6} or not found.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    ):
        raise ConfigError(f"descriptor {_FIRST}: not a TCP socket that listens")
    return found


def notify(text: str) -> None:
    """Tell the manager, where there is one; that it cannot be told changes nothing."""
    address = from_manager("NOTIFY_SOCKET")
    if address[:1] not in {"/", "@"}:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(text.encode(), address)


def watchdog_seconds() -> float | None:
    """How often the manager wants a sign of life; None when it does not."""
    wanted = from_manager("WATCHDOG_USEC")
    if from_manager("WATCHDOG_PID") not in {"", str(os.getpid())} or not wanted.isdecimal():
        return None
    return int(wanted) / 1_000_000 / _PARTS or None
