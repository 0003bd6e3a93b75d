# SPDX-License-Identifier: EUPL-1.2
"""`hold set|list|release`: nothing that a hold covers is destroyed (docs/spec/disposal.md §1)."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from datetime import UTC, datetime

from lakzegel_core.encoding import format_time
from lakzegel_core.fields import slug
from lakzegel_office import durable
from lakzegel_office.audit import why
from lakzegel_office.collection.model import Collection, Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Commands, Office, answer_line, command, shown, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.destroying.holds import MAX_UNITS, Hold, Holds
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.destroying.queries import add_query, asked_of, from_row, read_units, to_row
from lakzegel_office.errors import UsageError
from lakzegel_office.replaying import replay_home


def add(commands: Commands) -> None:
    """Add the command with its parts."""
    text = "legal holds: nothing that one covers is destroyed"
    top = commands.add_parser("hold", help=text, description=text)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "set", set_hold, "put a hold on, or change what it covers")
    parser.add_argument("name", metavar="ID", help="like woo-2027-014: a-z, 0-9, hyphens")
    parser.add_argument("--reason", required=True, metavar="WHY")
    add_query(parser)
    parser = command(parts, "list", list_holds, "the holds that are on, and what each covers now")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser = command(parts, "release", release, "take a hold off")
    parser.add_argument("name", metavar="ID")
    parser.add_argument("--reason", required=True, metavar="WHY")


def set_hold(arguments: argparse.Namespace) -> int:
    """Sign the note, and say what the hold covers."""
    office, reason, query = unlock(arguments), why(arguments.reason), asked_of(arguments)
    units, name = read_units(arguments.units), slug(arguments.name, what="hold")
    if query is None and not units:
        raise UsageError("hold set: say what it covers: --query, --units, --device, --from, …")
    with office.home.exclusive():
        holds, now = _holds(office), _now()
        collection, _ = open_collection(office)
        with closing(collection):
            for unit in units:
                collection.unit(unit)
            found = _ids(collection, query, units)
            row = to_row(query) if query is not None else None
            hold = Hold(name, reason, row, found, now)
            trail_of(office).record("hold", {"hold": name}, reason=reason, now=now)
            note = holds.set(hold, now, os.urandom)
            covers = _count(collection, hold)
            taken = Lists(office).take_off(holds.on(), collection, now)
    for number, unit, by in taken:
        print(f"list {number}: {unit} taken off, by hold {by}")
    _hand_out(office, f"hold-{name}-on", note)
    print(f"{name}: on; covers {covers} units")
    return 0


def list_holds(arguments: argparse.Namespace) -> int:
    """Print each hold that is on."""
    office = unlock(arguments)
    holds = _holds(office)
    collection, _ = open_collection(office)
    with closing(collection):
        for hold in holds.on():
            covers, public = _count(collection, hold), holds.is_public(hold.name)
            if arguments.json:
                row = {"hold": hold.name, "since": format_time(hold.at), "reason": hold.reason}
                more = {"query": hold.query, "units": len(hold.units), "covers": covers}
                answer_line({**row, **more, "public": public})
            else:
                state = "in the log" if public else "not in the log yet: have it published, pull"
                print(
                    f"{hold.name}\t{format_time(hold.at)}\t{covers} units\t{state}\t"
                    f"{shown(hold.reason)}"
                )
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Sign the note that takes a hold off."""
    office, reason = unlock(arguments), why(arguments.reason)
    with office.home.exclusive():
        now = _now()
        holds = _holds(office)
        what = {"hold": arguments.name}
        note = holds.release(arguments.name, reason, now)
        trail_of(office).record("release", what, reason=reason, now=now)
    _hand_out(office, f"hold-{arguments.name}-off", note)
    print(f"{arguments.name}: off; what it covered can be put on a destruction list again")
    return 0


def _holds(office: Office) -> Holds:
    return Holds(office, replay_home(office))


def _ids(collection: Collection, query: Query | None, units: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids to name: those given, and what the query finds now where that is not many."""
    if query is None or collection.count(query) + len(units) > MAX_UNITS:
        return units
    return tuple(dict.fromkeys((*units, *(unit.id for unit in collection.units(query)))))


def _count(collection: Collection, hold: Hold) -> int:
    if hold.query is None:
        return len(hold.units)
    found = {unit.id for unit in collection.units(from_row(hold.query))}
    return len(found | set(hold.units))


def _hand_out(office: Office, name: str, note: bytes) -> None:
    path = office.home.notes / f"{name}.note"
    durable.write_file(path, note)
    print(f"{path}: have the receiver publish it; the next pull brings its annex there")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
