# SPDX-License-Identifier: EUPL-1.2
"""Which units a hold or a list is about: by what they are, or by their ids in a file."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lakzegel_core.encoding import format_time, parse_time
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.wording import has_words
from lakzegel_office.commands.asking import add_filters, query_of
from lakzegel_office.errors import UsageError
from lakzegel_office.mirror import read_limited

MAX_FILE: Final = 8 << 20  # bytes of a file with ids
_ID: Final = re.compile(r"[a-z2-7]{26}")
_LISTS: Final = ("custodies", "devices", "sources", "apps")
_TEXTS: Final = ("text", "conversation", "label", "party")
_TIMES: Final = ("since", "until")


def add_query(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which units."""
    parser.add_argument("--units", type=Path, metavar="F", help="a file with ids, one a line")
    parser.add_argument("--query", "--text", dest="text", metavar="TEXT", default="", help="words")
    add_filters(parser)


def asked_of(arguments: argparse.Namespace) -> Query | None:
    """Return the query that the arguments ask, or None where they ask none.

    Raises:
        UsageError: a text without a word.
    """
    if arguments.text and not has_words(arguments.text):
        raise UsageError("--query: has no word in it")
    query = query_of(arguments)
    return query if to_row(query) else None


def read_units(path: Path | None) -> tuple[str, ...]:
    """Return the ids in a file, each once; a line may have more behind a tab.

    Raises:
        UsageError: it cannot be read, or a line has no id.
    """
    if path is None:
        return ()
    try:
        text = read_limited(path, MAX_FILE).decode("ascii", "replace")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    found = [line.partition("\t")[0].strip() for line in text.splitlines() if line.strip()]
    for number, name in enumerate(found, 1):
        if not _ID.fullmatch(name):
            raise UsageError(f"{path}: line {number}: not an id, as search shows them")
    return tuple(dict.fromkeys(found))


def to_row(query: Query) -> dict[str, Any]:
    """Return what a query asks, as a journal and an annex have it."""
    row: dict[str, Any] = {name: getattr(query, name) for name in _TEXTS if getattr(query, name)}
    row |= {name: list(getattr(query, name)) for name in _LISTS if getattr(query, name)}
    times = {name: getattr(query, name) for name in _TIMES}
    return row | {name: format_time(at) for name, at in times.items() if at is not None}


def from_row(row: Mapping[str, Any], ids: Sequence[str] = ()) -> Query:
    """Return the query of such a row, among these ids alone where any are given.

    Raises:
        LakzegelError, TypeError: it is none.
    """
    fields: dict[str, Any] = {name: row[name] for name in (*_LISTS, *_TEXTS) if name in row}
    fields |= {name: parse_time(row[name], what=name) for name in _TIMES if name in row}
    if unknown := set(row) - set(fields):
        raise TypeError(f"unknown field {min(unknown)}")
    return Query(**fields, ids=ids)
