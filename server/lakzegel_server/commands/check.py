# SPDX-License-Identifier: EUPL-1.2
"""`check`: whether everything stored is what the log says."""

from __future__ import annotations

import argparse
import json
from contextlib import suppress

from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import LakzegelError
from lakzegel_server.commands.common import FINE, FOUND, Commands, command
from lakzegel_server.commands.placed import placed, stored
from lakzegel_server.errors import ServerError
from lakzegel_server.fsck.remembered import remember
from lakzegel_server.fsck.report import Report
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.settings import load


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "check", run, "compare everything stored with the log; 1 on a doubt")
    parser.add_argument(
        "--since",
        type=_since,
        default=0,
        metavar="SIZE|last",
        help="SIZE: check the log whole, but read batches of entries from SIZE on only; 'last':"
        " look only at what came after the last check that found nothing, for what changed in or"
        " went from what is older a whole one alone finds (default 0: everything)",
    )
    parser.add_argument("--json", action="store_true", help="print the result for a program")


def run(arguments: argparse.Namespace) -> int:
    """Check DATA and print a line a doubt."""
    settings = load(Layout(arguments.data))
    layout = placed(arguments, settings)
    with stored(arguments, settings, layout, changing=False) as whole:
        report = check(whole, arguments.since)
        if not report.doubts and report.end and arguments.since in {0, None}:
            with suppress(
                OSError, LakzegelError, ServerError
            ):  # whoever may only look has checked all the same
                remember(whole, report, report.end)
    if arguments.json:
        print(json.dumps(_as_json(report), indent=2, sort_keys=True))
    else:
        for doubt in report.doubts:
            print(printable(str(doubt)))
        for orphan in report.orphans:
            print(f"no doubt: {printable(str(orphan))}")
        print(
            f"{len(report.doubts)} doubts: {report.entries} entries of the log,"
            f" {report.batches} batches, {report.files} files; batches read from entry"
            f" {report.since} on"
        )
    return FOUND if report.doubts else FINE


def _since(text: str) -> int | None:
    """The size that was given; None for the word ``last``."""
    try:
        return None if text == "last" else parse_decimal(text, what="--since")
    except LakzegelError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "ok": not report.doubts,
        "entries": report.entries,
        "batches": report.batches,
        "files": report.files,
        "since": report.since,
        "orphans": [{"place": printable(o.place), "what": o.what} for o in report.orphans],
        "doubts": [{"place": printable(d.place), "what": d.what} for d in report.doubts],
    }
