# SPDX-License-Identifier: EUPL-1.2
"""How a command line asks for units: the same words for a search, a hold and a list."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

from lakzegel_office.collection.model import Query


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which units, but for their words."""
    apps = "mail, whatsapp, telegram, file, …"
    for name, text in (("device", None), ("custody", None), ("source", None), ("app", apps)):
        mark = name[0].upper()
        parser.add_argument(f"--{name}", metavar=mark, action="append", default=[], help=text)
    parser.add_argument("--party", metavar="P", help="part of a name or an address", default="")
    parser.add_argument("--label", metavar="L", help="what the device found; any", default="")
    parser.add_argument("--from", dest="since", metavar="DATE", type=day, help="that day or later")
    parser.add_argument("--to", dest="until", metavar="DATE", type=day, help="that day included")
    parser.add_argument("--conversation", metavar="ID", default="", help="of this one alone")


def query_of(arguments: argparse.Namespace) -> Query:
    """Return the query that the arguments ask; its `text` is the parser's own argument."""
    until = arguments.until
    return Query(
        text=arguments.text,
        custodies=arguments.custody,
        devices=arguments.device,
        sources=arguments.source,
        apps=arguments.app,
        conversation=arguments.conversation,
        label=arguments.label,
        party=arguments.party,
        since=arguments.since,
        until=until + timedelta(days=1) if until is not None else None,
    )


def day(text: str) -> datetime:
    """Return the begin, in UTC, of the day that a person typed.

    Raises:
        ArgumentTypeError: it is no day.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: a day is YYYY-MM-DD") from None
