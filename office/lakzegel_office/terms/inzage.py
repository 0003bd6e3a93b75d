# SPDX-License-Identifier: EUPL-1.2
"""A person's own view of what was taken of him: counts, and a list, as HTML and CSV.

docs/spec/terms.md §6. What is another person's is in none of it: each unit's device and source are
held against the log once more, before anything is written.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import jinja2

from lakzegel_core.encoding import format_time
from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.model import Collection, Query, Unit
from lakzegel_office.errors import DoubtError, GoneError
from lakzegel_office.replay import Replay
from lakzegel_office.reports.devices import read_outs
from lakzegel_office.reports.owning import own_of_custody
from lakzegel_office.reports.said import listen
from lakzegel_office.terms.model import Term

UNITS: Final = "units.csv"
SOURCES: Final = "sources.csv"
READOUTS: Final = "readouts.csv"
PAGE: Final = "index.html"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run
_UNIT_HEADS: Final = (
    *("custody", "device", "source", "app", "kind", "at", "conversation", "from", "subject"),
    *("captures", "bytes", "content"),
)
_SOURCE_HEADS: Final = ("custody", "device", "source", "app", "units", "first", "last", "taken")
_READOUT_HEADS: Final = (
    *("custody", "device", "source", "backup", "read", "complete"),
    *("conversations", "messages", "media", "private", "failed"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One unit as its person sees it; `content` where he asked for it."""

    unit: Unit
    title: str
    content: str

    def cells(self) -> tuple[str, ...]:
        """Return the row of the list."""
        unit = self.unit
        who = "" if unit.sender is None else unit.sender.name or unit.sender.address
        return (
            *(unit.custody, unit.device, unit.source, unit.app, str(unit.kind)),
            *(_shown(unit.at) or unit.at_text, self.title, who, unit.subject),
            *(str(unit.captures), str(unit.size), self.content),
        )


def rows_of(
    collection: Collection,
    terms: Sequence[Term],
    whose: Callable[[str, str], str],
    *,
    content: bool,
) -> list[Row]:
    """Return everything that was taken in these terms, oldest first.

    Raises:
        DoubtError: something in it is of another custody; nothing may be handed out.
    """
    own = [term.custody for term in terms]
    result, titles = [], dict[str, str]()
    for unit in collection.units(Query(custodies=own)):
        if unit.custody not in own or whose(unit.device, unit.source) != unit.custody:
            raise DoubtError(f"unit {unit.id}: is of another custody; nothing was written")
        if unit.conversation not in titles:
            titles[unit.conversation] = collection.conversation(unit.conversation).title
        text = _content(collection, unit) if content else ""
        result.append(Row(unit, titles[unit.conversation], text))
    return result


def readouts_of(catalog: Catalog, replay: Replay, terms: Sequence[Term]) -> list[tuple[str, ...]]:
    """Return the read-outs of a person's phones, each as its device certified it."""
    found = []
    for custody in (term.custody for term in terms):
        for device, says in listen(catalog, own_of_custody(replay, custody)).items():
            for one in read_outs(says):
                whole = "yes" if one.complete else "no"
                counts = (one.conversations, one.messages, one.media, one.private, one.failed)
                cells = (custody, device, one.source, one.backup, one.read, whole)
                found.append((*cells, *map(str, counts)))
    return found


def files_of(
    person: str,
    terms: Sequence[Term],
    rows: Sequence[Row],
    readouts: Sequence[tuple[str, ...]],
    now: datetime,
) -> dict[str, bytes]:
    """Return the four files by name."""
    sources = list(_sources(rows))
    page = (
        _environment()
        .get_template("inzage.html.j2")
        .render(
            person=person,
            at=format_time(now),
            terms=[
                (t.custody, _shown(t.period.begins), _shown(t.period.ends) or "…") for t in terms
            ],
            source_heads=_SOURCE_HEADS,
            sources=sources,
            readout_heads=_READOUT_HEADS,
            readouts=readouts,
            unit_heads=_UNIT_HEADS,
            units=[row.cells() for row in rows],
        )
    )
    return {
        PAGE: page.encode(),
        SOURCES: _csv(_SOURCE_HEADS, sources),
        READOUTS: _csv(_READOUT_HEADS, readouts),
        UNITS: _csv(_UNIT_HEADS, (row.cells() for row in rows)),
    }


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("lakzegel_office.terms"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )


def _sources(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    by: defaultdict[tuple[str, ...], list[Unit]] = defaultdict(list)
    for row in rows:
        unit = row.unit
        by[unit.custody, unit.device, unit.source, unit.app].append(unit)
    for key, units in sorted(by.items()):
        times = sorted(unit.at for unit in units if unit.at is not None)
        seen = sorted(unit.first_seen for unit in units if unit.first_seen is not None)
        first, last = (_shown(times[0]), _shown(times[-1])) if times else ("", "")
        yield (*key, str(len(units)), first, last, _shown(seen[0]) if seen else "")


def _content(collection: Collection, unit: Unit) -> str:
    try:
        return collection.body(unit.id).text
    except GoneError as error:
        return f"[{error}]"


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])
    return out.getvalue().encode()


def _shown(at: datetime | None) -> str:
    return "" if at is None else format_time(at.replace(microsecond=0))
