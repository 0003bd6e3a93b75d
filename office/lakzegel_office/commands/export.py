# SPDX-License-Identifier: EUPL-1.2
"""`export`: what leaves for another archive, with its inventory, its seals and its metadata."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_office import audit
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.commands.selecting import custodies_in, marks_of, period_of, unseen_in
from lakzegel_office.commands.transfers import ACTS, registers_of
from lakzegel_office.destroying.selection import NAME as SELECTION
from lakzegel_office.errors import UsageError
from lakzegel_office.journal import Entry
from lakzegel_office.replay import Replay
from lakzegel_office.transfer.choosing import CLASSES, Inventory, Scope, choose
from lakzegel_office.transfer.counting import count
from lakzegel_office.transfer.evidence import Evidence
from lakzegel_office.transfer.exporting import ONLY_MAIL, Export, Kind, export
from lakzegel_office.transfer.mdto import Reference
from lakzegel_office.transfer.settings import read_settings
from lakzegel_office.transfer.sip import Order

_OTHER = "register-receipt NAME FILE, register-redacted UNIT FILE, declare NAME OUT, registers"
_NAME = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "export", run, "write what leaves for another archive")
    parser.add_argument("out", metavar="OUT", nargs="+", help=f"a new folder; or: {_OTHER}")
    parser.add_argument("--format", choices=[str(kind) for kind in Kind])
    _add_selection(parser)
    parser.add_argument("--request", metavar="R", default="", help="what it is for; recorded")
    parser.add_argument("--reason", metavar="TEXT", default="", help="recorded with your name")
    parser.add_argument("--name", metavar="N", help="of the delivery; else OUT's")
    parser.add_argument("--created", metavar="TIME", help="YYYY-MM-DDTHH:MM:SSZ; else now")
    parser.add_argument(
        "--settings", metavar="F", type=Path, help="who made it, and what is said of it"
    )
    parser.add_argument(
        "--selection", metavar="F", type=Path, help="the selection list; else HOME/selection.toml"
    )
    parser.add_argument("--xsd", metavar="F", type=Path, help="MDTO's official schema, to check by")
    parser.add_argument("--top", metavar="ID", help="the aggregation there that it becomes part of")
    parser.add_argument("--top-name", metavar="N", default="", help="its name")
    parser.add_argument("--top-source", metavar="S", default="e-depot", help="whose id that is")
    parser.add_argument(
        "--renderings", action="store_true", help="HTML and PDF/A to read, beside the raw bytes"
    )
    parser.add_argument("--receiver", metavar="N", default="", help="who takes it, to declare")
    parser.add_argument("--without-proofs", action="store_true", help="seals are not proven")
    parser.add_argument("--dry-run", action="store_true", help="count what would leave; write none")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="what was written, for a program")


def _add_selection(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--person", metavar="P", help="what is of P by his terms of office, whichever custodies")
    add("--custody", metavar="C", action="append", default=[], help="one custody; may be repeated")
    add("--device", metavar="D", action="append", default=[])
    add("--source", metavar="S", action="append", default=[])
    add("--app", metavar="A", action="append", default=[])
    add("--period", metavar="A..B", default="", help="days, both included; one may be left out")
    add("--undated", action="store_true", help="with --period: also what has no time")
    add("--hold", metavar="NAME", default="", help="only what this hold covers")
    add("--units", metavar="F", type=Path, help="ids of units, one a line")
    add("--query", "--subject", metavar="WORDS", default="", help="as of search")
    add(
        "--class",
        dest="classes",
        metavar="K",
        action="append",
        help=f"zakelijk, prive, partij, onbeslist or betwist; else {' and '.join(CLASSES)}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write a delivery, or do what is registered of one."""
    first, *words = arguments.out
    act, count = ACTS.get(first, (None, 0))
    if act is not None and len(words) == count:
        return act(arguments, words)
    if words or arguments.format is None:
        raise UsageError(f"export: give one OUT and --format; or: {_OTHER}")
    arguments.out = Path(first)
    return _deliver(arguments)


def _deliver(arguments: argparse.Namespace) -> int:
    """Write the delivery and say what is in it; 1 where something failed."""
    kind = Kind(arguments.format)
    out: Path = arguments.out
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out}: exists; give a new folder")
    created = _created(arguments.created)
    office = unlock(arguments)
    collection, _ = open_collection(office, progress=None if arguments.quiet else say)
    with collection:
        evidence = Evidence.of(office, created)
        scope = _scope(arguments, office, evidence.replay, kind)
        marks = marks_of(office, evidence.replay, collection)
        if scope.hold and scope.hold not in {hold.name for hold in marks.holds}:
            raise UsageError(f"--hold {scope.hold}: none of that name is on; see: hold list")
        if arguments.dry_run:
            found = count(collection, scope, marks)
            return _tell(arguments, {"counts": found.counts(), "reasons": found.reasons()})
        inventory = choose(collection, scope, marks)
        registered: list[Entry] = []
        asked = Export(
            kind,
            scope,
            replace(
                _order(arguments, office, created), unseen=unseen_in(evidence, inventory, scope)
            ),
            collection,
            marks,
            evidence,
            (lambda _: None) if arguments.quiet else say,
            lambda summary: registered.append(_register(office, arguments, created, summary)),
            arguments.xsd,
            not arguments.without_proofs,
            arguments.renderings and kind is not Kind.MBOX,
        )
        return _tell(arguments, _written(asked, inventory, office, arguments, registered))


def _written(
    asked: Export,
    inventory: Inventory,
    office: Office,
    arguments: argparse.Namespace,
    registered: Sequence[Entry],
) -> Mapping[str, Any]:
    """Write it, with a line of the trail before, and one behind where it failed."""
    trail = trail_of(office)
    counts = {name: str(count) for name, count in inventory.counts().items()}
    what = {"export": asked.order.name, "format": str(asked.kind), **counts}
    reason = arguments.reason or arguments.request
    trail.record("export", what, reason=reason, now=datetime.now(UTC))
    try:
        return export(asked, inventory, arguments.out)
    except BaseException:
        for entry in registered:
            registers_of(office).failed(entry, datetime.now(UTC))
        trail.record("export", what, reason=reason, now=datetime.now(UTC), result=audit.FAILED)
        raise


def _register(
    office: Office, arguments: argparse.Namespace, created: datetime, summary: Mapping[str, Any]
) -> Entry:
    """Keep that the delivery was made, with what was asked for."""
    said = {
        **summary,
        "format": arguments.format,
        "created": format_time(created),
        "request": arguments.request,
        "period": arguments.period,
        "custodies": list(arguments.custody),
        "person": arguments.person or "",
    }
    name = arguments.name or arguments.out.name
    return registers_of(office).exported(name, said, datetime.now(UTC))


def _tell(arguments: argparse.Namespace, summary: Mapping[str, Any]) -> int:
    counts = summary["counts"]
    if arguments.json:
        answer(summary)
    else:
        print(
            f"{counts['found']} found = {counts['exported']} exported"
            f" + {counts['left-out']} left out + {counts['gone']} gone + {counts['failed']} failed"
        )
        for reason, count in summary["reasons"].items():
            print(f"  {count}\t{reason}")
        if "files" in summary:
            unseen = summary["unseen"]
            if any(unseen.values()):
                say(f"{unseen['items']} items do not open, {unseen['batches']} batches are missing")
            print(f"{summary['files']} files, {summary['bytes']} bytes, {summary['proofs']} proofs")
    return 1 if counts["failed"] or any(summary.get("unseen", {}).values()) else 0


def _order(arguments: argparse.Namespace, office: Office, created: datetime) -> Order:
    name = arguments.name or arguments.out.name
    if not _NAME.match(name):
        raise UsageError(f"--name {name}: letters, digits, '.', '_' and '-'; at most 64")
    top = None
    if arguments.top:
        top = Reference(arguments.top_name or arguments.top, arguments.top, arguments.top_source)
    selection = arguments.selection or office.home.root / SELECTION
    settings = read_settings(arguments.settings, office.config.org, selection)
    return Order(
        name,
        created,
        office.config.org,
        office.config.origin,
        settings,
        top,
        arguments.request,
    )


def _scope(arguments: argparse.Namespace, office: Office, replay: Replay, kind: Kind) -> Scope:
    since, until = period_of(arguments.period)
    people: Sequence[str] = ()
    if arguments.person is not None:
        people = custodies_in(arguments.person, office, replay, since, until)
    query = Query(
        text=arguments.query,
        custodies=[*arguments.custody, *people],
        devices=arguments.device,
        sources=arguments.source,
        apps=arguments.app,
        ids=_ids(arguments.units),
    )
    return Scope(
        query,
        since,
        until,
        arguments.undated,
        tuple(arguments.classes or CLASSES),
        kind in ONLY_MAIL,
        arguments.hold,
    )


def _ids(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        ids = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    if not ids:
        raise UsageError(f"{path}: names no unit")
    return ids


def _created(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_time(text, what="--created")
    except LakzegelError as error:
        raise UsageError(str(error)) from error
