# SPDX-License-Identifier: EUPL-1.2
"""A service manager as the agent sees it, and what a service is to any of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from lakzegel_agent.notify import Pulse
from lakzegel_agent.wake import Wake

STOP_WITHIN: Final = 60  # seconds from the order to end; then it is ended, and loses nothing
RESTART_AFTER: Final = 30  # seconds; of an end that nobody ordered
HANGS_AFTER: Final = 600.0  # seconds without progress in the midst of work


@dataclass(frozen=True, slots=True)
class Life:
    """From a start to an end: what the manager says, and what it is told."""

    stop: threading.Event
    wake: Wake
    pulse: Pulse | None = None  # None: whoever the environment names


Work = Callable[[Life], int]


class Manager(Protocol):
    """What starts the agent and has it end."""

    def serve(self, work: Work) -> int:
        """Return the exit code of ``work``, which is called once, and told when to end.

        Whatever it raises comes out of here. An order to end that is not followed in time ends
        the process.
        """
        ...


@dataclass(frozen=True, slots=True)
class Definition:
    """A service as it is installed; ``arguments`` begin with the program."""

    name: str
    title: str
    about: str
    arguments: tuple[str, ...]
    in_session: bool = False  # one for each user who is signed in, with that user's rights
