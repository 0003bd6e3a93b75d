# SPDX-License-Identifier: EUPL-1.2
"""`alarms`: what is wrong now, and with --all what ever was; exit 1 while something is."""

import argparse

from lakzegel_core.encoding import format_time
from lakzegel_office.alarms.book import Alarm
from lakzegel_office.alarms.sending import STEPS
from lakzegel_office.alarms.watch import open_book
from lakzegel_office.commands.common import Commands, answer, command, unlock


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "alarms", run, "what is wrong now, as pull wrote it down")
    parser.add_argument("--all", action="store_true", help="everything that ever was, in order")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the alarms that stand, or all, and return 1 where one stands."""
    book = open_book(unlock(arguments))
    standing = sorted(book.standing.values(), key=lambda one: one.number)
    shown = book.all if arguments.all else standing
    if arguments.json:
        answer([_as_json(one) for one in shown])
    else:
        for one in shown:
            print(_as_text(one))
        if not standing:
            print("nothing is wrong")
    return 1 if standing else 0


def _as_text(one: Alarm) -> str:
    about = f" {one.condition.about}" if one.condition.about else ""
    step = STEPS.get(one.condition.cause, "")
    return f"{format_time(one.at)} {one.event} {one.condition.cause}{about}: {step}"


def _as_json(one: Alarm) -> dict[str, object]:
    return {
        "entry": one.number,
        "event": one.event,
        "cause": one.condition.cause,
        "about": one.condition.about,
        "at": format_time(one.at),
    }
