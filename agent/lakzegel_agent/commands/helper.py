# SPDX-License-Identifier: EUPL-1.2
"""`helper`: tells the agent what the system tells in this user's session alone."""

from __future__ import annotations

import argparse

from lakzegel_agent.commands.common import Commands, command

_MORE = """\
For an agent that runs as a user of its own: the key of Signal's database is in the keyring of the
user whose session this is, and is told to his own programs alone. The agent asks for it here;
nobody else is answered, nothing is kept, and nothing of it is logged. The user's service manager
starts it at the first question (lakzegel-agent-user.socket); it ends after a minute without one.

exit: 0 nobody asks any more; 2 configuration, no socket was handed over, or no helper is needed

example: systemctl --user enable --now lakzegel-agent-user.socket
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "tell the agent what only this user's session is told: Signal's password"
    command(commands, "helper", run, text=text, more=_MORE)


def run(arguments: argparse.Namespace) -> int:
    """Answer until nobody asks."""
    from lakzegel_agent.helper.session import help_agent  # noqa: PLC0415 - status must start fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    help_agent(load_config(arguments.config).home)
    return 0
