# SPDX-License-Identifier: EUPL-1.2
"""`explain`: which files a problem is about, for the user of this device alone."""

from __future__ import annotations

import argparse

from lakzegel_agent.commands.common import Commands, answer, command

_MORE = """\
Problems have an id that means nothing to anybody else: it is in `status`, and is what IT support
asks about. This tells the user of the device what it stands for: which source, which files. It
answers only the user who owns user_home, in a session of his own at the device: not root, not by
su or sudo, not over the network. Each question is a line of the log.

Where the agent runs as another user (Linux), it is that agent that is asked, so it has to be at
work. It tells each user what he can see in his own home, and nothing else.

exit: 0 explained; 2 configuration, or no problem of this id; 3 refused, or no agent is at work

example: lakzegel-agent explain --config /etc/lakzegel/agent.toml q5zk7dnm
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "tell the user of this device which files a problem is about"
    parser = command(commands, "explain", run, text=text, more=_MORE)
    parser.add_argument("id", metavar="ID", help="the problem's id, from status")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print what the problem is about."""
    from dataclasses import asdict  # noqa: PLC0415 - status must start fast

    from lakzegel_agent.explain import asking, explain, lines  # noqa: PLC0415
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    found = explain(load_config(arguments.config), arguments.id, asking())
    if arguments.json:
        answer(asdict(found))
    else:
        for line in lines(found):
            print(line)
    return 0
