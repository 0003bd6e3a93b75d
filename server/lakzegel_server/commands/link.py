# SPDX-License-Identifier: EUPL-1.2
"""`link`: a person's own page, by a link that he alone is given."""

from __future__ import annotations

import argparse
import secrets
from datetime import UTC, date, datetime, time, timedelta

from lakzegel_core.encoding import format_time
from lakzegel_server import links
from lakzegel_server.commands.common import FINE, Commands, command
from lakzegel_server.commands.indexed import index_of
from lakzegel_server.commands.placed import layout_of
from lakzegel_server.layout import Layout
from lakzegel_server.settings import load


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "link", run, "a link to the page of one device's person")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--device", metavar="NAME", help="make one; it is shown once")
    what.add_argument("--list", action="store_true", help="every link, without what opens it")
    what.add_argument("--revoke", metavar="ID", help="have a link open nothing any more")
    parser.add_argument(
        "--expires", type=date.fromisoformat, metavar="DATE", help="last day, UTC (default: never)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make, list or revoke."""
    now = datetime.now(UTC).replace(microsecond=0)
    with index_of(layout_of(arguments)) as database:
        if arguments.list:
            for link in links.listing(database):
                print(_line(link, now))
        elif arguments.revoke is not None:
            print(_line(links.revoke(database, arguments.revoke, now), now, state="revoked"))
        else:
            expires = _end(arguments.expires)
            token = links.make(
                database,
                arguments.device,
                secret=secrets.token_bytes(links.SECRET_SIZE),
                now=now,
                expires=expires,
            )
            print(f"{load(Layout(arguments.data)).web.url or ''}/mine/{token}")
    return FINE


def _line(link: links.Link, now: datetime, *, state: str | None = None) -> str:
    told = state or ("open" if link.opens(now) else "revoked" if link.revoked else "expired")
    until = format_time(link.expires) if link.expires else "-"
    return f"{link.id} {link.device} {told} {until}"


def _end(day: date | None) -> datetime | None:
    """The end of a day."""
    return None if day is None else datetime.combine(day, time(), UTC) + timedelta(days=1)
