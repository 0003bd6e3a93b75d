# SPDX-License-Identifier: EUPL-1.2
"""`index` and `search`: what was opened, as mails, messages and files, found by their words.

The index is brought up to the mirror by either command; nothing of it leaves the office's home.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.leaving import Gone
from lakzegel_office.collection.model import Conversation, Party, Query, Unit
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.collection.wording import has_words
from lakzegel_office.commands.asking import add_filters, query_of
from lakzegel_office.commands.common import Commands, Office, answer_line, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import OfficeError, UsageError

LIMIT: Final = 50  # units that are shown where no other number is given
_WORDS: Final = 'words that must all occur; "a phrase"; begin* of a word; "" for everything'


_EXAMPLES: Final = """\
examples:
  search --home DIR 'begroting kamer*'                    both words, the second one's begin
  search --home DIR '"geachte heer"' --app mail --newest  a phrase, in mails, newest first
  search --home DIR '' --party bas@ --from 2026-03-01 --to 2026-03-31
  search --home DIR '' --label any                        what the device marked
  search --home DIR 'stukken' --conversations --json      threads and chats, for a program

case and accents make no difference; each search is a line of the audit trail, since it
shows how texts begin; to write an item's bytes, see: lakzegel-office open --help
"""


def add(commands: Commands) -> None:
    """Add the commands."""
    parser = command(commands, "index", index, "bring the index of the collection up to the mirror")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser = command(commands, "search", search, "find mails, messages and files by their words")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EXAMPLES
    parser.add_argument("text", metavar="TEXT", help=_WORDS)
    add_filters(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="kept in the trail")
    parser.add_argument("--newest", action="store_true", help="newest first")
    parser.add_argument("--limit", metavar="N", type=int, default=LIMIT, help="0: all (default 50)")
    parser.add_argument("--after", metavar="ID", default="", help="the page after this unit")
    text = "what was destroyed there, by which certificate; TEXT, people and dates say nothing"
    parser.add_argument("--destroyed", action="store_true", help=text)
    parser.add_argument("--conversations", action="store_true", help="the conversations, not units")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def index(arguments: argparse.Namespace) -> int:
    """Index what is new."""
    office = unlock(arguments)
    collection, done = open_collection(office, progress=None if arguments.quiet else say)
    with collection:
        total = collection.count(Query())
    print(f"{done.batches} batches indexed, {done.units} new units, {total} in all")
    if done.missing:
        say(f"{done.missing} batches of the log are not in the mirror; run: lakzegel-office pull")
    if done.unopened:
        say(f"{done.unopened} items cannot be opened; see: lakzegel-office verify --open")
    return 0


def search(arguments: argparse.Namespace) -> int:
    """Print what is found, one line each."""
    if arguments.text.strip() and not has_words(arguments.text):
        raise UsageError('TEXT: has no word in it; give words, or "" for everything')
    office = unlock(arguments)
    collection, _ = open_collection(office, progress=None if arguments.quiet else say)
    with collection:
        query = page_of(arguments)
        _record(office, query, arguments.reason)
        if arguments.destroyed:
            return show_destroyed(collection, query, as_json=arguments.json)
        if arguments.conversations:
            return show_conversations(collection, query, as_json=arguments.json)
        done = show_units(collection, query, as_json=arguments.json)
        if not arguments.json and (gone := sum(1 for _ in _destroyed(collection, query))):
            say(f"{gone} units here were destroyed; by which certificates: search --destroyed")
        return done


def show_destroyed(collection: IndexedCollection, query: Query, *, as_json: bool) -> int:
    """Print what was destroyed where the query asks, and by which certificate."""
    for one in _destroyed(collection, query):
        try:
            collection.raw(one.unit)
        except OfficeError as told:
            if as_json:
                answer_line({**asdict(one), "destroyed": str(told)})
            else:
                columns = (one.unit, one.kind, one.app, one.custody, one.source, str(told))
                print("\t".join(map(printable, columns)))
    return 0


def _destroyed(collection: IndexedCollection, query: Query) -> Iterator[Gone]:
    """Yield what was destroyed of a query's custodies, devices, sources and apps."""
    for one in collection.gone(query.custodies):
        pairs = (
            (query.devices, one.device),
            (query.sources, one.source),
            (query.apps, one.app),
        )
        if all(not wanted or value in wanted for wanted, value in pairs):
            yield one


def show_units(collection: IndexedCollection, query: Query, *, as_json: bool) -> int:
    """Print units, and where the next page begins."""
    shown = 0
    last = ""
    for unit in collection.units(query):
        shown += 1
        last = unit.id
        _show_unit(unit, as_json=as_json)
    if not as_json and query.limit and shown == query.limit:
        total = collection.count(query)
        say(f"{shown} shown of {total}; the next page: --after {last}")
    return 0


def list_conversations(arguments: argparse.Namespace) -> int:
    """Print the conversations of `list`'s device, source and label."""
    if arguments.kind is not None:
        raise UsageError("--kind: is of items; leave it out with --conversations")
    office = unlock(arguments)
    collection, _ = open_collection(office)
    query = Query(
        devices=[arguments.device] if arguments.device else [],
        sources=[arguments.source] if arguments.source else [],
        label=arguments.label or "",
    )
    with collection:
        _record(office, query, "")
        return show_conversations(collection, query, as_json=arguments.json)


def _record(office: Office, query: Query, reason: str) -> None:
    """Put into the trail what was searched for, before any of it is shown."""
    asked = {
        name: " ".join(value) if isinstance(value, list) else str(value)
        for name, value in asdict(query).items()
        if value
    }
    trail_of(office).record("search", asked, reason=reason.strip(), now=datetime.now(UTC))


def page_of(arguments: argparse.Namespace) -> Query:
    """Return the query that the arguments ask, and which page of its answer."""
    return replace(
        query_of(arguments),
        newest_first=arguments.newest,
        after=arguments.after,
        limit=max(arguments.limit, 0),
    )


def show_conversations(collection: IndexedCollection, query: Query, *, as_json: bool) -> int:
    """Print the conversations, newest first."""
    for conversation in collection.conversations(query):
        if as_json:
            answer_line(_conversation_row(conversation))
        else:
            found = conversation
            columns = (found.id, found.app, _time(found.last), str(found.units), found.title)
            print("\t".join(map(printable, columns)))
    return 0


def printable(text: str) -> str:
    """Return a text on one line, what steers a terminal as blanks, what else is unseen named."""
    return "".join(c if c.isprintable() else _named(c) for c in text)


def _named(unseen: str) -> str:
    return f"<U+{ord(unseen):04X}>" if unicodedata.category(unseen) == "Cf" else " "


def _show_unit(unit: Unit, *, as_json: bool) -> None:
    if as_json:
        answer_line(_unit_row(unit))
        return
    print(line_of(unit))


def line_of(unit: Unit) -> str:
    """Return a unit as a line for people: id, app, time, sender, subject and begin of the text."""
    sender = (unit.sender.name or unit.sender.address) if unit.sender else "-"
    what = " · ".join(text for text in (unit.subject, unit.snippet) if text)
    columns = (unit.id, unit.app, _time(unit.at), sender, what)
    return "\t".join(map(printable, columns))


def _unit_row(unit: Unit) -> dict[str, object]:
    return {
        "id": unit.id,
        "kind": str(unit.kind),
        "conversation": unit.conversation,
        "custody": unit.custody,
        "device": unit.device,
        "source": unit.source,
        "app": unit.app,
        "at": _time(unit.at) if unit.at else None,
        "at_text": unit.at_text,
        "sender": _party_row(unit.sender) if unit.sender else None,
        "subject": unit.subject,
        "snippet": unit.snippet,
        "size": unit.size,
        "attachments": unit.attachments,
        "labels": list(unit.labels),
        "first_seen": _time(unit.first_seen) if unit.first_seen else None,
        "captures": unit.captures,
    }


def _conversation_row(found: Conversation) -> dict[str, object]:
    return {
        "id": found.id,
        "app": found.app,
        "title": found.title,
        "parties": _party_rows(found.parties),
        "units": found.units,
        "first": _time(found.first) if found.first else None,
        "last": _time(found.last) if found.last else None,
        "custodies": list(found.custodies),
        "readouts": found.readouts,
    }


def _party_rows(parties: Iterable[Party]) -> list[dict[str, str]]:
    return [_party_row(party) for party in parties]


def _party_row(party: Party) -> dict[str, str]:
    return {"address": party.address, "name": party.name, "role": party.role}


def _time(moment: datetime | None) -> str:
    return format_time(moment.replace(microsecond=0)) if moment is not None else "-"
