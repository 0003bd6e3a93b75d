# SPDX-License-Identifier: EUPL-1.2
"""`report --html|--pdf|--statement`: the whole report of one custody or of all."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from lakzegel_core import fields
from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.words import DUTCH
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office, answer, say, unlock
from lakzegel_office.commands.evidence import catalog_from
from lakzegel_office.commands.selecting import custodies_in, period_of, unseen_in
from lakzegel_office.config import read_config
from lakzegel_office.durable import write_file
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.home import Home
from lakzegel_office.journal import Journal
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.reports.gathering import Asked, gather
from lakzegel_office.reports.model import JournalHead, Report, UnitFacts
from lakzegel_office.reports.statement import check, facts_of, state
from lakzegel_office.reports.words import LANGUAGES
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import DISPUTED
from lakzegel_office.transfer.choosing import Scope
from lakzegel_office.transfer.counting import count_if_any
from lakzegel_office.transfer.evidence import Evidence
from lakzegel_office.transfer.marks import OfficeMarks
from lakzegel_office.verification import Verifier

MAX_FACTS: Final = 256 << 20  # bytes of a report as JSON


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what asks for the whole report."""
    whole = parser.add_argument_group("the whole report")
    whole.add_argument("--html", type=Path, metavar="OUT", help="write it as one HTML page")
    whole.add_argument("--pdf", type=Path, metavar="OUT", help="write it as PDF/A")
    text = "write the signed completeness statement, and FILE.json that it is over"
    whole.add_argument("--statement", type=Path, metavar="FILE", help=text)
    text = "check a statement and its FILE.json; nothing else is done"
    whole.add_argument("--check", type=Path, metavar="FILE", help=text)
    who = whole.add_mutually_exclusive_group()
    who.add_argument("--custody", metavar="C", help="of this custody (or device) alone")
    who.add_argument("--person", metavar="P", help="of this person, by his terms of office alone")
    whole.add_argument("--period", metavar="A..B", help="days, the last included; one may be empty")
    whole.add_argument("--request", metavar="R", default="", help="the request it is made for")
    text = "with --statement: only what these words find, as of search"
    whole.add_argument("--subject", metavar="WORDS", default="", help=text)
    text = "the moment it is made for; default: when the newest checkpoint was signed"
    whole.add_argument("--at", metavar="TIME", help=text)
    whole.add_argument("--language", choices=LANGUAGES, default=DUTCH, help="default: nl")


def is_asked(arguments: argparse.Namespace) -> bool:
    """Tell whether the whole report is asked for, and not the settings alone."""
    given = (arguments.html, arguments.pdf, arguments.statement, arguments.custody)
    more = (arguments.person, arguments.period, arguments.at)
    return any(one is not None for one in (*given, *more))


def write(arguments: argparse.Namespace) -> int:
    """Write what was asked for; 1 where verification has a doubt."""
    asked = _asked(arguments)
    office = unlock(arguments)
    report = _report(office, asked, arguments)
    if arguments.statement is not None:
        report = replace(report, units=_units(office, arguments, report.scope.custodies))
    if arguments.html is not None:
        from lakzegel_office.reports.rendering import page  # noqa: PLC0415 - jinja2 is slow to load

        write_file(arguments.html, page(report, arguments.language).encode())
    if arguments.pdf is not None:
        from lakzegel_office.reports.printing import pdf  # noqa: PLC0415 - so is typst

        write_file(arguments.pdf, pdf(report, arguments.language))
    if arguments.statement is not None:
        key = office.vault.signer("held", office.config.keys["held"])
        write_file(_beside(arguments.statement), facts_of(report))
        write_file(arguments.statement, state(report, key))
    if arguments.json:
        answer(report.to_json())
    for doubt in report.log.doubts:
        say(doubt)
    return 1 if report.log.doubts else 0


def check_statement(arguments: argparse.Namespace) -> int:
    """Print a statement that holds.

    Raises:
        DoubtError: it does not.
    """
    home = Home.open(arguments.home)
    path: Path = arguments.check
    try:
        note, facts = read_limited(path, MAX_FACTS), read_limited(_beside(path), MAX_FACTS)
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error
    print(check(note, facts, read_config(home.config).keys["held"]), end="")
    return 0


def _report(office: Office, asked: Asked, arguments: argparse.Namespace) -> Report:
    mirror = Mirror(office.home.mirror)
    with office.home.steady():
        found = Verifier(mirror, office.config, lambda _: None).run()
    if found.replay is None:
        raise DoubtError("; ".join(map(str, found.doubts)))
    catalog = catalog_from(office, found.replay)
    if arguments.person is not None:
        since, until = period_of(_both(arguments.period))
        people = custodies_in(arguments.person, office, found.replay, since, until)
        asked = replace(asked, custodies=people)
    return gather(found, catalog, _journals(office), _reviewed(office), asked)


def _journals(office: Office) -> list[JournalHead]:
    heads = []
    for path in sorted(office.home.records.glob("*.jsonl")):
        head = Journal(path, office.journal_key).head()
        heads.append(JournalHead(path.stem, head.count, head.digest))
    return heads


def _reviewed(office: Office) -> Counter[str]:
    book = Book.open(office.home, office.journal_key)
    standing = (book.standing(unit) for unit in book.units())
    return Counter(DISPUTED if one.disputed else str(one.class_) for one in standing)


def _asked(arguments: argparse.Namespace) -> Asked:
    try:
        at = None if arguments.at is None else parse_time(arguments.at, what="--at")
        request = fields.slug(arguments.request, what="--request") if arguments.request else ""
    except LakzegelError as error:
        raise UsageError(str(error)) from error
    first, last = _period(arguments.period)
    custodies = () if arguments.custody is None else (arguments.custody,)
    if arguments.subject and arguments.statement is None:
        raise UsageError("--subject: is of a --statement")
    return Asked(custodies, first, last, request, at)


def _both(period: str | None) -> str:
    """Return a period as `period_of` takes it: nothing where neither day is given."""
    return period if period not in {None, ".."} and period is not None else ""


def _units(office: Office, arguments: argparse.Namespace, custodies: Sequence[str]) -> UnitFacts:
    """Return what was found of what was asked for, as an export counts it."""
    since, until = period_of(_both(arguments.period))
    subject = " ".join(arguments.subject.split())
    collection, _ = open_collection(office)
    with collection:
        evidence = Evidence.of(office, datetime.now(UTC))
        own = arguments.custody is not None and arguments.custody not in custodies
        query = Query(
            text=subject,
            custodies=() if own else custodies,
            devices=(arguments.custody,) if own else (),
        )
        scope = Scope(query, since, until)
        marks = OfficeMarks(Book.open(office.home, office.journal_key), (), collection)
        inventory = count_if_any(collection, scope, marks)  # holds change no count
        unseen = unseen_in(evidence, inventory, scope)
    return UnitFacts(subject, inventory.counts(), inventory.reasons(), unseen.items, unseen.batches)


def _period(text: str | None) -> tuple[date | None, date | None]:
    if text is None:
        return None, None
    first, dots, last = text.partition("..")
    try:
        days = [date.fromisoformat(day) if day else None for day in (first, last)]
    except ValueError:
        days = []
    if not dots or not days:
        raise UsageError(f"--period {text}: give two days, as 2026-09-01..2026-11-30")
    return days[0], days[1]


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".json")
