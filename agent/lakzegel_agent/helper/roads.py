# SPDX-License-Identifier: EUPL-1.2
"""How an agent and the helper of a session get to each other; one module a system beside this."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, Protocol

PATIENCE: Final = 30.0  # seconds for an answer, docs/spec/session-helper.md §1
LISTENING: Final = 5.0  # seconds for a question


class Line(Protocol):
    """A connection to one process of this machine. Whatever fails raises OSError."""

    @property
    def user(self) -> int:
        """Whose process is at the other end, as the kernel says."""
        ...

    def send(self, line: bytes) -> None:
        """Send a line."""
        ...

    def receive(self, most: int, seconds: float) -> bytes:
        """What came up to a newline, or up to ``most`` bytes, or up to the end.

        Raises:
            TimeoutError: not within so many seconds, all in all.
        """
        ...


class Road(Protocol):
    """From the agent to helpers."""

    def to(self, user: int) -> AbstractContextManager[Line]:
        """A connection to the helper of this user's session, closed at the end.

        Raises:
            OSError: there is none.
        """
        ...


class Door(Protocol):
    """Where a helper is asked."""

    def wait(self, seconds: float) -> AbstractContextManager[Line] | None:
        """The next who asks, None where nobody came within so many seconds.

        Raises:
            OSError: the door is gone.
        """
        ...
