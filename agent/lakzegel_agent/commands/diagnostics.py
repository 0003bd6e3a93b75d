# SPDX-License-Identifier: EUPL-1.2
"""`diagnostics`: a file for IT support without content, names, addresses, paths or keys."""

from __future__ import annotations

import argparse
from pathlib import Path

from lakzegel_agent.commands.common import Commands, _, command

_MORE = """\
Writes a new zip file with one JSON file: versions, the platform, which settings came from where
(no values), counts, sizes, codes and ids of problems, what doctor found well or not, and how often
what was logged. Times are rounded to the hour. It holds no content, no name of a file, a person, a
host or an account, no address, no path and no key: read it before it is sent, it is short.

exit: 0 written; 2 configuration, or OUT.zip is there already

example: lakzegel-agent diagnostics --config /etc/lakzegel/agent.toml lakzegel.zip
"""


def add(commands: Commands) -> None:
    """Add the command."""
    text = "write what IT support may be sent: no content, no names"
    parser = command(commands, "diagnostics", run, text=text, more=_MORE)
    parser.add_argument("out", type=Path, metavar="OUT.zip", help="a file that is not there yet")


def run(arguments: argparse.Namespace) -> int:
    """Write the file."""
    from lakzegel_agent.diagnostics import collect, write  # noqa: PLC0415 - status starts fast
    from lakzegel_agent.doctor import examine  # noqa: PLC0415
    from lakzegel_agent.settings import load_config  # noqa: PLC0415
    from lakzegel_agent.station import wall_clock  # noqa: PLC0415
    from lakzegel_agent.status import current_status  # noqa: PLC0415

    config = load_config(arguments.config)
    checks = [(finding.what, finding.well) for finding in examine(config)]
    write(arguments.out, collect(config, current_status(config), checks, wall_clock()))
    print(_("written: {path}").format(path=arguments.out))
    return 0
