# SPDX-License-Identifier: EUPL-1.2
"""`trail`: who did what here, oldest first; its chain proven from the first line to the last."""

import argparse
import json
from collections.abc import Mapping
from typing import Any

from lakzegel_core.encoding import b64, format_time
from lakzegel_office.commands.common import Commands, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.journal import Entry


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "trail", run, "show who opened, proved or changed what, and why")
    parser.add_argument("--action", metavar="A", help="only this action, such as open")
    parser.add_argument("--actor", metavar="NAME", help="only what this person did")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Print a line an act, and the head of the chain last."""
    trail = trail_of(unlock(arguments))
    for entry in trail.journal.read():
        says = entry.says
        if arguments.action not in (None, says["action"]):
            continue
        if arguments.actor not in (None, says["actor"]):
            continue
        print(json.dumps(_row(entry), sort_keys=True) if arguments.json else _line(entry))
    head = trail.journal.head()
    say(f"{head.count} lines, each after the one before; the last is {b64(head.digest)}")
    return 0


def _row(entry: Entry) -> Mapping[str, Any]:
    return {**entry.says, "at": format_time(entry.at), "number": entry.number}


def _line(entry: Entry) -> str:
    says = entry.says
    what = ", ".join(f"{kind} {value}" for kind, value in says["object"].items())
    parts = (format_time(entry.at), says["actor"], says["action"], what, says["result"])
    return "\t".join([*map(_printable, parts), _printable(says["reason"])])


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
