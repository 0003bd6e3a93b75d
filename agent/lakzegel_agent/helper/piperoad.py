# SPDX-License-Identifier: EUPL-1.2
r"""Pipes with a name, in the session of a user of Windows (docs/spec/session-helper.md §3).

    \\.\pipe\nl.lakzegel.agent.1f3c…        the user's number, in hexadecimal digits

Whoever comes first has a name, so that each side asks the system who the other is: the agent who
owns the pipe, the helper whose process asks. Over calls that a recording can stand behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper.roads import LISTENING, PATIENCE
from lakzegel_agent.platforms import system

PIPE: Final = r"\\.\pipe\nl.lakzegel.agent."
_PIECE: Final = 4_096  # bytes


class Pipes(Protocol):
    """Calls of Windows. Whatever fails raises OSError; what takes too long TimeoutError."""

    def listen(self, name: str) -> int:
        """Make a pipe for the system and this user, which no other machine reaches.

        Raises:
            OSError: somebody has a pipe of this name.
        """
        ...

    def accept(self, pipe: int, seconds: float) -> bool:
        """Whether somebody connected in that time."""
        ...

    def dismiss(self, pipe: int) -> None:
        """Let whoever connected go, once he has read everything; another may connect then."""
        ...

    def connect(self, name: str, seconds: float) -> int:
        """Connect, without lending this process's rights to who listens."""
        ...

    def owner(self, pipe: int) -> int:
        """The number of the user who made it."""
        ...

    def client(self, pipe: int) -> int:
        """The number of the user whose process connected, once something of its was read."""
        ...

    def write(self, pipe: int, data: bytes, seconds: float) -> None:
        """Write all of it."""
        ...

    def read(self, pipe: int, most: int, seconds: float) -> bytes:
        """What is there, at most so much; nothing at the end."""
        ...

    def close(self, pipe: int) -> None:
        """Close it."""
        ...


def name_of(user: int) -> str:
    """The name of the pipe of this user's helper."""
    return f"{PIPE}{user:x}"


class PipeLine:
    """A connection over a pipe; ``whose`` tells whose process is at the other end."""

    def __init__(self, pipes: Pipes, pipe: int, whose: Callable[[int], int]) -> None:
        self._pipes = pipes
        self._pipe = pipe
        self._whose = whose
        self._heard = b""

    @property
    def user(self) -> int:
        """Whose process is at the other end."""
        return self._whose(self._pipe)

    def hear(self, seconds: float) -> None:
        """Take what is said first: Windows tells of a client only then."""
        self._heard = self._pipes.read(self._pipe, _PIECE, seconds)

    def send(self, line: bytes) -> None:
        """Send a line."""
        self._pipes.write(self._pipe, line, PATIENCE)

    def receive(self, most: int, seconds: float) -> bytes:
        """What came up to a newline, ``most`` bytes or the end.

        Raises:
            TimeoutError: not within so many seconds, all in all.
        """
        data, end = self._heard, time.monotonic() + seconds
        while len(data) <= most and not data.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            piece = self._pipes.read(self._pipe, _PIECE, left)
            if not piece:
                break
            data += piece
        return data


class PipeRoad:
    """To the pipes of helpers."""

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    @contextmanager
    def to(self, user: int) -> Iterator[PipeLine]:
        """A connection to the helper of this user's session.

        Raises:
            OSError: there is none.
        """
        pipe = self._pipes.connect(name_of(user), PATIENCE)
        try:
            yield PipeLine(self._pipes, pipe, self._pipes.owner)
        finally:
            self._pipes.close(pipe)


class PipeDoor:
    """A pipe that this process made."""

    def __init__(self, pipes: Pipes, pipe: int) -> None:
        self._pipes = pipes
        self._pipe = pipe

    def wait(self, seconds: float) -> AbstractContextManager[PipeLine] | None:
        """The next who asks, None where nobody came."""
        return self._asking() if self._pipes.accept(self._pipe, seconds) else None

    @contextmanager
    def _asking(self) -> Iterator[PipeLine]:
        try:
            line = PipeLine(self._pipes, self._pipe, self._pipes.client)
            line.hear(LISTENING)
            yield line
        finally:
            self._pipes.dismiss(self._pipe)


@contextmanager
def pipe_door(pipes: Pipes) -> Iterator[PipeDoor]:
    """Where the helper of this process's user is asked.

    Raises:
        UsageError: somebody has its name.
    """
    try:
        pipe = pipes.listen(name_of(system.me()))
    except OSError as error:
        raise UsageError(f"helper: {error.strerror}; is another helper at work?") from None
    try:
        yield PipeDoor(pipes, pipe)
    finally:
        pipes.close(pipe)
