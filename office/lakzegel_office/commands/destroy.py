# SPDX-License-Identifier: EUPL-1.2
"""`destroy propose|list|show|run` and `approve`: docs/spec/disposal.md."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_core.encoding import format_time
from lakzegel_office.audit import why
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import (
    Commands,
    Office,
    answer_line,
    as_now,
    command,
    say,
    shown,
    unlock,
)
from lakzegel_office.commands.evidence import identities
from lakzegel_office.commands.pull import receiver_of
from lakzegel_office.commands.search import line_of
from lakzegel_office.destroying.carrying import Carrier, Ground
from lakzegel_office.destroying.clearing import Clearance
from lakzegel_office.destroying.erasing import Eraser
from lakzegel_office.destroying.holds import Hold, Holds
from lakzegel_office.destroying.lists import DestructionList, Lists
from lakzegel_office.destroying.planning import Plan
from lakzegel_office.destroying.queries import add_query, asked_of, read_units
from lakzegel_office.destroying.ripe import due_by, ripe
from lakzegel_office.destroying.selection import Category, Selection, read_selection
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.people import Duty
from lakzegel_office.pull import Puller
from lakzegel_office.replaying import replay_home
from lakzegel_office.transport import Receiver


def add(commands: Commands) -> None:
    """Add the commands."""
    text = "put units on a destruction list, and carry out what was approved"
    top = commands.add_parser("destroy", help=text, description=text)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "propose", propose, "put units on a new list; nothing is destroyed")
    parser.add_argument("--ground", required=True, metavar="WHY", help="why, as the law asks it")
    parser.add_argument("--category", required=True, metavar="CODE", help="of the selection list")
    _add_selection(parser)
    text = "all that may go by the category now, is under no hold and on no list"
    parser.add_argument("--due", action="store_true", help=text)
    text = "destroy observations that name the units' files too"
    parser.add_argument("--with-observations", action="store_true", help=text)
    add_query(parser)
    parser = command(parts, "list", list_all, "the lists, and how far each is")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser = command(parts, "due", due, "what may go by now, by category of the selection list")
    _add_selection(parser)
    parser = command(parts, "show", show, "what an open list would reach now")
    parser.add_argument("number", type=int, metavar="LIST")
    parser = command(parts, "prepare", prepare, "make ready anew what a second person approves")
    parser.add_argument("number", type=int, metavar="LIST")
    parser = command(parts, "run", run, "carry out an approved list; again until it is done")
    parser.add_argument("number", type=int, metavar="LIST")
    _add_selection(parser)
    _add_receiver(parser)
    text = "seal anew what a closed period's keys open, without what was destroyed"
    parser = command(parts, "rewrap", rewrap, text)
    parser.add_argument("period", metavar="PERIOD", help="see: keys period list")
    text = "as second person: send that, then destroy the period's keys for good"
    parser = command(parts, "erase", erase, text)
    parser.add_argument("period", metavar="PERIOD")
    _add_receiver(parser)
    parser = command(commands, "approve", approve, "approve a destruction list, as second person")
    parser.add_argument("number", type=int, metavar="LIST")


def propose(arguments: argparse.Namespace) -> int:
    """Show what a new list reaches."""
    office, ground = unlock(arguments), why(arguments.ground)
    category = _selection(office, arguments).category(arguments.category)
    with office.home.exclusive():
        units = _units(office, arguments, category)
        carrier = Carrier(office, os.urandom)
        reasons = Ground(ground, category, arguments.with_observations)
        number, plan = carrier.propose(units, reasons, _now())
    _show(office, plan)
    print(f"list {number}: proposed; a second person runs: lakzegel-office approve {number}")
    return 0


def list_all(arguments: argparse.Namespace) -> int:
    """Print each list."""
    for found in Lists(unlock(arguments)).all().values():
        if arguments.json:
            answer_line(_row(found))
        else:
            print(
                f"{found.number}\t{found.state}\t{len(found.units)} units"
                f"\t{found.category['code']}\t{format_time(found.proposed)}\t{shown(found.ground)}"
            )
    return 0


def due(arguments: argparse.Namespace) -> int:
    """Print, of each category that is destroyed, how much is due, and when the next is."""
    office = unlock(arguments)
    categories = _selection(office, arguments).categories
    clearance, holds = Clearance.open(office, _now()), _holds(office)
    collection, _ = open_collection(office)
    with closing(collection):
        for category in categories:
            print(due_by(category, collection, clearance, holds))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print what an open list would reach now."""
    office = unlock(arguments)
    _, plan = Carrier(office, os.urandom).planned(arguments.number)
    _show(office, plan)
    return 0


def approve(arguments: argparse.Namespace) -> int:
    """Sign what a list says, having shown it."""
    office, number = unlock(arguments), arguments.number
    with office.home.exclusive():
        carrier = Carrier(office, os.urandom)
        if office.staff is None or office.staff.person.may(Duty.ARCHIVIST):
            _prepared(office, carrier, number)
        else:
            found = carrier.lists.get(number)
            category = found.category
            print(f"list {number}: {shown(found.ground)}")
            about = f"{category['code']}: {category['about']}; {category['ground']}"
            print(f"category {shown(about)}")
            for line in carrier.drafted(number).lines():
                print("\t".join(map(shown, line.split("\t"))))
        carrier.approve(number, _now())
    print(f"list {arguments.number}: approved; next: lakzegel-office destroy run")
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """Make ready what an approval takes, having shown what it reaches."""
    office = unlock(arguments)
    with office.home.exclusive():
        _prepared(office, Carrier(office, os.urandom), arguments.number)
    print(f"list {arguments.number}: ready to be approved by a second person")
    return 0


def _prepared(office: Office, carrier: Carrier, number: int) -> None:
    for unit, kept in carrier.take_off(number, _now()).items():
        print(f"list {number}: {unit} taken off: {kept}")
    _show(office, carrier.prepare(number, _now()))


def run(arguments: argparse.Namespace) -> int:
    """Carry out an approved list."""
    office = unlock(arguments)
    copies = _selection(office, arguments).copies
    with office.home.exclusive(), receiver_of(office, arguments)() as receiver:
        carrier, pull = Carrier(office, os.urandom), _pull_with(office, receiver)
        folder = carrier.carry_out(arguments.number, receiver, pull, copies, _now())
    print(f"{folder}: withdrawn; final once the keys of its periods are erased")
    return 0


def rewrap(arguments: argparse.Namespace) -> int:
    """Stage and sign a keyring for each that the period's keys open."""
    office = unlock(arguments)
    with office.home.exclusive():
        period = office.config.periods.get(arguments.period)
        count = Eraser(office, period, os.urandom).stage(_now())
    print(f"period {arguments.period}: {count} keyrings sealed anew and signed by one")
    print(f"a second person runs: lakzegel-office destroy erase {arguments.period}")
    return 0


def erase(arguments: argparse.Namespace) -> int:
    """Replace the keyrings everywhere, and destroy the period's keys."""
    office = unlock(arguments)
    opened = receiver_of(office, arguments)
    with office.home.exclusive(), opened() as receiver:
        period = office.config.periods.get(arguments.period)
        pull = _pull_with(office, receiver)
        erasure, final = Eraser(office, period, os.urandom).erase(receiver, pull, _now())
    print(f"period {arguments.period}: erased")
    for number in final:
        print(f"list {number}: final; its certificate says so")
    for text in erasure.copies:
        print(f"beyond this program, and yours to answer for: {text}")
    return 0


def _pull_with(office: Office, receiver: Receiver) -> Callable[[], None]:
    """Return what pulls, with the keys that exist at the time."""

    def keys() -> list[str]:
        return [identity.to_text() for identity in identities(as_now(office))]

    def pull() -> None:
        puller = Puller(office.home, office.config, office.vault, receiver, keys, say)
        for doubt in puller.run().doubts:
            say(str(doubt))

    return pull


def _units(office: Office, arguments: argparse.Namespace, category: Category) -> list[str]:
    """Return the ids that were given, and those that the query finds."""
    query, units = asked_of(arguments), list(read_units(arguments.units))
    if arguments.due:
        if units:
            raise UsageError("destroy propose: --due finds what to propose; leave out --units")
        return _due(office, query or Query(), category)
    if query is None and not units:
        raise UsageError("destroy propose: say which: --due, --units, --query, --from, …")
    if query is not None:
        collection, _ = open_collection(office)
        with closing(collection):
            units += [unit.id for unit in collection.units(replace(query, limit=0))]
    return list(dict.fromkeys(units))


def _due(office: Office, query: Query, category: Category) -> list[str]:
    clearance, lists, holds = Clearance.open(office, _now()), Lists(office), _holds(office)
    collection, _ = open_collection(office)
    with closing(collection):
        found = ripe(category, query, collection, clearance, holds=holds, lists=lists)
    if not found:
        raise UsageError("nothing that is asked may go now; see: lakzegel-office destroy due")
    return found


def _holds(office: Office) -> list[Hold]:
    return list(Holds(office, replay_home(office)).on())


def _show(office: Office, plan: Plan) -> None:
    """Print what goes, as search shows it, and what that reaches."""
    collection, _ = open_collection(office)
    with closing(collection):
        for unit in plan.units:
            print(f"goes\t{line_of(collection.unit(unit))}")
    for line in _shown(plan):
        print(line)


def _shown(plan: Plan) -> Iterator[str]:
    yield f"{len(plan.units)} units in {len(plan.segments)} segments"
    for item in plan.segments:
        extract = "\tan extract of the rest is sealed first" if item in plan.extracts else ""
        yield f"segment\t{item}{extract}"
    yield from (f"capture\t{item}\tnothing it names is left" for item in plan.captures)
    yield from (f"observation\t{item}" for item in plan.observations)
    yield from (f"stays\t{item}\tnames what goes" for item in plan.naming)
    yield from (f"alike\t{unit}\thas the same text, and stays" for unit in plan.alike)


def _row(found: DestructionList) -> dict[str, object]:
    return {
        "list": found.number,
        "state": found.state,
        "units": list(found.units),
        "category": dict(found.category),
        "ground": found.ground,
        "proposed": format_time(found.proposed),
        "proposer": found.proposer,
        "approver": found.approver,
        "certificate": found.deed,
        "items": list(found.items),
    }


def _add_receiver(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="the receiver (default: office.toml)")
    parser.add_argument("--ca-file", type=Path, metavar="F", help="whom the server must be by")
    parser.add_argument("--account-file", type=Path, metavar="F", help="holds the token")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    text = "the selection list (default: HOME/selection.toml)"
    parser.add_argument("--selection", type=Path, metavar="F", help=text)


def _selection(office: Office, arguments: argparse.Namespace) -> Selection:
    return read_selection(arguments.selection or office.home.selection)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
