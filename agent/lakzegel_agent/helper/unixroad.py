# SPDX-License-Identifier: EUPL-1.2
"""A socket in the folder that a user has while he is logged in (docs/spec/session-helper.md §3).

    /run/user/1000/lakzegel-agent      mode 0666: who gets through to the folder may ask

The folder is that user's alone; an agent whose capability lets it search folders gets there too.
The kernel tells each side who the other is. Linux; a place that is given serves elsewhere as well.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from lakzegel_agent.helper.roads import PATIENCE
from lakzegel_agent.platforms import system

RUNTIME: Final = Path("/run/user")
NAME: Final = "lakzegel-agent"
_PIECE: Final = 4_096  # bytes


def place_of(user: int) -> Path:
    """Where the helper of this user listens."""
    return RUNTIME / str(user) / NAME


class SocketLine:
    """A connection over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    @property
    def user(self) -> int:
        """Who connected; of who listens: who made the socket listen."""
        return system.peer(self._connection)[1]

    def send(self, line: bytes) -> None:
        """Send a line."""
        self._connection.settimeout(PATIENCE)
        self._connection.sendall(line)

    def receive(self, most: int, seconds: float) -> bytes:
        """What came up to a newline, ``most`` bytes or the end.

        Raises:
            TimeoutError: not within so many seconds, all in all.
        """
        data, end = b"", time.monotonic() + seconds
        while len(data) <= most and not data.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            piece = self._connection.recv(_PIECE)
            if not piece:
                break
            data += piece
        return data


class UnixRoad:
    """To the sockets of helpers."""

    def __init__(self, place: Callable[[int], Path] = place_of) -> None:
        self._place = place

    @contextmanager
    def to(self, user: int) -> Iterator[SocketLine]:
        """A connection to the helper of this user's session.

        Raises:
            OSError: there is none.
        """
        with system.local_socket(socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self._place(user)))
            yield SocketLine(connection)


class UnixDoor:
    """A socket that listens, as the user's service manager made it."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening

    def wait(self, seconds: float) -> AbstractContextManager[SocketLine] | None:
        """The next who asks, None where nobody came."""
        self._listening.settimeout(seconds)
        try:
            connection, _ = self._listening.accept()
        except TimeoutError:
            return None
        return _closing(connection)


@contextmanager
def _closing(connection: socket.socket) -> Iterator[SocketLine]:
    with connection:
        yield SocketLine(connection)
