# SPDX-License-Identifier: EUPL-1.2
"""Which road and door this system has (docs/spec/session-helper.md §3)."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper.roads import Door, Road
from lakzegel_agent.helper.unixroad import UnixDoor, UnixRoad, bound, place_of
from lakzegel_agent.platforms import system
from lakzegel_agent.settingsconfig import handed_over


def road() -> Road:
    """From the agent to the helpers of sessions."""
    if sys.platform == "win32":
        from lakzegel_agent.helper.piperoad import PipeRoad  # noqa: PLC0415 - of one system
        from lakzegel_agent.helper.pipes32 import Pipes32  # noqa: PLC0415

        return PipeRoad(Pipes32())
    return UnixRoad()


@contextmanager
def door() -> Iterator[Door]:
    """Where this process is asked.

    Raises:
        UsageError: there is no such place, or another helper has it.
    """
    if sys.platform == "win32":
        from lakzegel_agent.helper.piperoad import pipe_door  # noqa: PLC0415 - of one system
        from lakzegel_agent.helper.pipes32 import Pipes32  # noqa: PLC0415

        with pipe_door(Pipes32()) as found:
            yield found
    elif sys.platform == "darwin":
        with bound(place_of(system.me())) as listening:
            yield UnixDoor(listening)
    else:
        descriptor = handed_over()
        if descriptor is None:
            raise UsageError(
                "helper: no socket was handed over; start it by lakzegel-agent-user.socket"
            )
        with socket.socket(fileno=descriptor) as listening:
            listening.set_inheritable(False)
            yield UnixDoor(listening)


def stays() -> bool:
    """Whether a helper goes on when nobody asks: where nobody starts it at a question."""
    return sys.platform != "linux"
