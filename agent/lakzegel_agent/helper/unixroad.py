# SPDX-License-Identifier: EUPL-1.2
"""A socket in the folder that a user has while he is logged in (docs/spec/session-helper.md §3).

    /run/user/1000/lakzegel-agent      mode 0666: who gets through to the folder may ask
    ~/Library/Application Support/Lakzegel/lakzegel-agent      macOS, mode 0600; not run there

The folder is that user's alone; an agent whose capability lets it search folders gets there too, or
one of root's. The kernel tells each side who the other is.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper.roads import PATIENCE
from lakzegel_agent.platforms import system

RUNTIME: Final = Path("/run/user")
LIBRARY: Final = Path("Library/Application Support/Lakzegel")
NAME: Final = "lakzegel-agent"
_PIECE: Final = 4_096  # bytes


def place_of(user: int, platform: str = sys.platform) -> Path:
    """Where the helper of this user listens."""
    if platform == "darwin":
        home = system.home_of(user)
        return Path(os.fsdecode(home or b"/var/empty")) / LIBRARY / NAME
    return RUNTIME / str(user) / NAME


@contextmanager
def bound(place: Path) -> Iterator[socket.socket]:
    """A socket that listens there, for the user himself and for root; gone at the end.

    Raises:
        UsageError: another helper listens there, or nobody can.
    """
    with system.local_socket(socket.SOCK_STREAM) as listening:
        try:
            place.parent.mkdir(mode=0o700, exist_ok=True)
            if place.is_socket() and not _is_answered(place):
                place.unlink()  # of a helper that was killed
            listening.bind(str(place))
            place.chmod(0o600)
            listening.listen()
        except OSError as error:
            why = error.strerror or str(error)
            raise UsageError(f"{place}: {why}; is another helper at work?") from None
        try:
            yield listening
        finally:
            place.unlink(missing_ok=True)


def _is_answered(place: Path) -> bool:
    try:
        with system.local_socket(socket.SOCK_STREAM) as connection:
            connection.connect(str(place))
    except OSError:
        return False
    return True


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
