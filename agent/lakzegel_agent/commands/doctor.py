# SPDX-License-Identifier: EUPL-1.2
"""`doctor`: everything that this agent needs, looked at one by one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lakzegel_agent.commands.common import Commands, _, answer, command, said

if TYPE_CHECKING:
    from lakzegel_agent.doctor import Finding

_MORE = """\
Looks at the configuration, the home and who else could open it, the receiver and whether its
log's signatures hold, the clock, the room on the disk, the ledger, the keys, the policy in force
and its expiry; asks the PAC file, where one is set, the way to the receiver; opens one file of each
source, for only that tells whether it may be read; and counts folders against the watches that
there are. It changes nothing, names no file of a source, and can run while the agent is at work.

exit: 0 all is well; 1 something is not, each with what to do; 2 configuration

example: lakzegel-agent doctor --config /etc/lakzegel/agent.toml
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "check everything that this agent needs"
    parser = command(commands, "doctor", run, text=text, more=_MORE)
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each check."""
    from dataclasses import asdict  # noqa: PLC0415

    from lakzegel_agent.doctor import examine  # noqa: PLC0415 - status must start fast
    from lakzegel_agent.settings import load_config  # noqa: PLC0415

    findings = examine(load_config(arguments.config))
    if arguments.json:
        answer([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(_line(finding))
    return 0 if all(finding.well for finding in findings) else 1


def _line(found: Finding) -> str:
    """What, where, what to do."""
    where = f"{found.where}: " if found.where else ""
    then = f"; {said(found.next)}" if found.next else ""
    well = _("ok ") if found.well else _("BAD")
    return f"{well:3} {_(found.what):12} {where}{said(found.detail)}{then}"
