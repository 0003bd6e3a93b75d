# SPDX-License-Identifier: EUPL-1.2
"""`enrol`: this device's keys, introduced to the log by a token."""

from __future__ import annotations

import argparse
from pathlib import Path

from lakzegel_agent.commands.common import Commands, _, command

_MORE = """\
The token file comes from the records office (`lakzegel-office admit`) and is a secret; delete it
once this device is enrolled. The keys and the note that introduces them are kept before the note
is sent: after a crash or a lost answer, run the same command again.

A device whose state was lost is enrolled again with a new token, under its old name: that opens a
new epoch, and closes the old one for ever.

exit: 0 enrolled; 1 the log went back or forked; 2 configuration or token; 3 the receiver cannot be
reached or refused

example: lakzegel-agent enrol --config /etc/lakzegel/agent.toml --token-file token
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "make this device's keys and have them admitted to the log"
    parser = command(commands, "enrol", run, text=text, more=_MORE)
    parser.add_argument(
        "--token-file", type=Path, required=True, metavar="F", help="from the records office"
    )
    parser.add_argument(
        "--device", metavar="NAME", help="this device's name, where the token is for a group"
    )


def run(arguments: argparse.Namespace) -> int:
    """Enrol, or say that it is done already."""
    from lakzegel_agent.enrolling import enrol  # noqa: PLC0415 - status must start fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    config = load_config(arguments.config)
    found, made = enrol(config, arguments.token_file, arguments.device)
    text = (
        _("device {device} enrolled, epoch {epoch}, log {log}")
        if made
        else _("device {device} was enrolled already, epoch {epoch}, log {log}")
    )
    here = found.enrolment
    print(text.format(device=here.device, epoch=here.epoch, log=config.pins.origin))
    return 0
