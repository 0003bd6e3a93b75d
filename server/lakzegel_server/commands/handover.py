# SPDX-License-Identifier: EUPL-1.2
"""`handover`: what went into the folder of the hand-over, and beginning again with an entry."""

from __future__ import annotations

import argparse
import json

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import LakzegelError
from lakzegel_server.commands.common import FINE, Commands, command, wall_clock
from lakzegel_server.commands.placed import layout_of
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.handover.packages import Packages, Step
from lakzegel_server.logsigner import load_origin
from lakzegel_server.people import trailrows
from lakzegel_server.people.operator import operator
from lakzegel_server.people.records import Action, Event, Thing
from lakzegel_server.recovery.once import require_index
from lakzegel_server.settings import load

_WORDS = {Step.WAITING: "waits", Step.BEGUN: "begun", Step.LYING: "not fetched"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "handover", run, "tell, or repeat, what is handed over by folder")
    parser.add_argument(
        "--again",
        metavar="SIZE",
        help="hand over again from this entry on, for what was lost on its way; also while served",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Begin again when told so; then print how it stands."""
    layout = layout_of(arguments)
    load_origin(layout)
    require_index(layout, load(layout))
    packages = Packages(layout.database)
    database = Database.open(layout.database)  # of an earlier version it has no such tables yet
    try:
        if arguments.again is not None:
            size = _size(arguments.again, database.size())
            event = Event(operator(), Action.HAND_OUT, Thing.ENTRIES, id=f"again from {size}")
            trailrows.append(database, [event], now=wall_clock())
            packages.again(size)
    finally:
        database.close()
    number, mark = packages.handed()
    found = packages.all()
    if arguments.json:
        rows = [{"name": p.name, "bytes": p.length, "step": _WORDS[p.step]} for p in found]
        print(json.dumps({"number": number, "size": mark.size, "handovers": rows}, indent=2))
        return FINE
    print(f"handed over: entries below {mark.size}")
    for package in found:
        print(f"{package.name}  {package.length} bytes  {_WORDS[package.step]}")
    return FINE


def _size(text: str, there: int) -> int:
    try:
        size = parse_decimal(text, what="size")
    except LakzegelError:
        raise ConfigError(f"--again {text}: not a number of entries") from None
    if size > there:
        raise ConfigError(f"--again {size}: the log has {there} entries")
    return size
