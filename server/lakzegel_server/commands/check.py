# SPDX-License-Identifier: EUPL-1.2
"""`check`: whether everything stored is what the log says."""

from __future__ import annotations

import argparse
import json

from lakzegel_server.commands.common import FINE, FOUND, Commands, command
from lakzegel_server.fsck.run import Report, check
from lakzegel_server.layout import Layout


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "check", run, "compare everything stored with the log; 1 on a doubt")
    parser.add_argument("--json", action="store_true", help="print the result for a program")


def run(arguments: argparse.Namespace) -> int:
    """Check DATA and print a line a doubt."""
    report = check(Layout(arguments.data))
    if arguments.json:
        print(json.dumps(_as_json(report), indent=2, sort_keys=True))
    else:
        for doubt in report.doubts:
            print(printable(str(doubt)))
        print(
            f"{len(report.doubts)} doubts: {report.entries} entries of the log,"
            f" {report.batches} batches, {report.files} files"
        )
    return FOUND if report.doubts else FINE


def printable(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _as_json(report: Report) -> dict[str, object]:
    return {
        "ok": not report.doubts,
        "entries": report.entries,
        "batches": report.batches,
        "files": report.files,
        "doubts": [{"place": printable(d.place), "what": d.what} for d in report.doubts],
    }
