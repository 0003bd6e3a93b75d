# SPDX-License-Identifier: EUPL-1.2
"""`review`: a local page on which people decide what each unit is, and how far that is."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from lakzegel_office import settings
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import (
    Commands,
    answer,
    answer_line,
    command,
    say,
    unlock,
)
from lakzegel_office.errors import UsageError
from lakzegel_office.review.book import Book
from lakzegel_office.review.telling import exported, status
from lakzegel_office.review.window import read_settings
from lakzegel_office.review.worklist import Worklist


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "review", run, "decide what is business, private or party-political")
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--status", action="store_true", help="how far the review is, and stop")
    told.add_argument(
        "--export-decisions", action="store_true", help="what was decided, a JSON object a line"
    )
    parser.add_argument(
        "--listen", metavar="ADDR:PORT", default="127.0.0.1:0", help="of this machine alone"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument("--language", choices=("nl", "en"), help="of the page, to begin with")
    parser.add_argument("--json", action="store_true", help="with --status: for a program")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Serve the page, or tell how far the review is or what was decided."""
    if arguments.json and not arguments.status:
        raise UsageError("--json: belongs to --status")
    office = unlock(arguments)
    if not arguments.status and not arguments.export_decisions:
        from lakzegel_office.review.serving import serve  # noqa: PLC0415 - loads a web server

        language = arguments.language or settings.language()
        serve(office, arguments.listen, language, browser=not arguments.no_browser)
        return 0
    agreed = read_settings(office.home.root)
    book = Book.open(office.home, office.journal_key)
    collection, _ = open_collection(office, progress=None if arguments.quiet else say)
    with collection:
        if arguments.export_decisions:
            for row in exported(collection, book):
                answer_line(row)
            return 0
        worklist = Worklist(collection.db, book, agreed)
        now = datetime.now(UTC)
        if arguments.json:
            answer(status(worklist, book, now))
            return 0
        for custody, found in worklist.progress(now).items():
            print(f"{custody}: {found.decided} of {found.total} decided, {found.overdue} overdue")
    return 0
