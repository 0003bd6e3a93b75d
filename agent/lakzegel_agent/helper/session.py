# SPDX-License-Identifier: EUPL-1.2
"""The helper as a process: whom it answers, and where it is asked (docs/spec/session-helper.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.helper.serving import serve
from lakzegel_agent.helper.ways import door, stays
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.signal_secrets import SystemSecrets

IDLE: Final = 60.0  # seconds without a question, docs/spec/session-helper.md §3


def help_agent(home: Path, *, idle: float = IDLE) -> int:
    """Answer the agent of this home until it asks no more; how many questions that were.

    Raises:
        UsageError: the agent needs no helper here, or nobody can ask.
    """
    agent = _agent_of(home)
    if agent == system.me():
        raise UsageError(f"{home}: the agent runs as this user; it needs no helper")
    with door() as where:
        answered = serve(where, SystemSecrets(), agent=agent, idle=idle)
        while stays():  # nobody would start it at the next question
            answered += serve(where, SystemSecrets(), agent=agent, idle=idle)
        return answered


def _agent_of(home: Path) -> int:
    """Whose home it is: its name can be seen by everybody, what is in it cannot."""
    try:
        return system.owner_of(home)
    except OSError as error:
        raise UsageError(f"{home}: the agent's home: {error.strerror}; start the agent") from None
