# SPDX-License-Identifier: EUPL-1.2
"""`report`: what devices stated of their settings, and each time when something was at risk."""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lakzegel_core.encoding import format_time
from lakzegel_office.catalog import Catalog
from lakzegel_office.commands import reporting
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import catalog_of
from lakzegel_office.guarded import BAD, Guarded, Guards, Subject, fold
from lakzegel_office.keys.due import all_due
from lakzegel_office.keys.standing import standing

_MORE = """\
Reads the sealed statements of each device's guards in the order of its chain: of every subject (a
mail server, a chat, a rule) its state now, and each time in which something could have been deleted
or have leaked. A time whose beginning is not known began before the first look.

With --html, --pdf or --statement the whole report: coverage, settings, ledger, read-outs, findings,
each row of the guidance with its evidence, and what is proven complete. The same mirror and --at
give the same bytes. --statement writes FILE, signed by the office, and FILE.json, which it is over;
--check verifies both.

exit: 0 nothing is drifted or unknown now, or a report was written; 1 something is, or a statement
does not hold; 2 usage; 3 no mirror to read

example: lakzegel-office report --home DIR --device minister-laptop --risks
         lakzegel-office report --home DIR --html OUT.html --period 2026-09-01..2026-11-30
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "report", run, "settings that devices guard, and times at risk")
    parser.epilog = _MORE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--device", metavar="D", help="this device alone")
    parser.add_argument("--guard", metavar="G", help="this guard alone")
    parser.add_argument(
        "--risks", action="store_true", help="only what is, or once was, at risk, with its times"
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    reporting.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it device by device, or write the report; 1 where something is drifted or unknown."""
    if arguments.check is not None:
        return reporting.check_statement(arguments)
    if reporting.is_asked(arguments):
        return reporting.write(arguments)
    office = unlock(arguments)
    found = _guards(catalog_of(office), arguments.device)
    for line in _notes(office):
        say(f"note: {line}")
    if arguments.guard is not None:
        for guards in found.values():
            guards.guards = {
                name: one for name, one in guards.guards.items() if name == arguments.guard
            }
    if arguments.json:
        answer({device: guards.to_json() for device, guards in found.items()})
    else:
        for line in _lines(found, risks=arguments.risks):
            print(_printable(line))
    states = [one.state for guards in found.values() for one in guards.guards.values()]
    return 1 if any(state in BAD for state in states) else 0


def _notes(office: Office) -> Iterator[str]:
    """Yield what is one person's that should be two persons', and what is due of the keys."""
    yield from standing(office.home, office.config)
    now = datetime.now(UTC)
    yield from (due.line(now) for due in all_due(office, None) if due.is_due(now))


def _guards(catalog: Catalog, device: str | None) -> dict[str, Guards]:
    stated: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
    for record in catalog.headers(device):
        said = format_time(record.header.closed)
        stated[record.header.device] += [
            (said, line.payload)
            for line in catalog.batch_items(record)
            if line.kind == "observation" and line.payload is not None
        ]
    return {name: fold(rows) for name, rows in sorted(stated.items())}


def _lines(found: dict[str, Guards], *, risks: bool) -> Iterator[str]:
    for device, guards in found.items():
        if not guards.guards:
            yield f"{device}: no guard has stated anything"
        for name, guard in sorted(guards.guards.items()):
            yield from _guard_lines(device, name, guard, risks=risks)
        if guards.not_understood:
            yield f"{device}: {guards.not_understood} statements of guards are not understood"


def _guard_lines(device: str, name: str, guard: Guarded, *, risks: bool) -> Iterator[str]:
    rows = ", ".join(map(str, guard.rows))
    subjects = {
        key: one
        for key, one in sorted(guard.subjects.items())
        if not risks or one.windows or one.state in BAD
    }
    if risks and not subjects:
        return
    yield f"{device}: {name} (row {rows}, {guard.mode}): {guard.state}"
    for key, one in subjects.items():
        yield f"  {_printable(key)}: {_state(one)}"
        for window in one.windows:
            begin = window.begin or "before the first look"
            what = f"{window.reason} " if window.reason else ""
            yield (f"    at risk {begin} .. {window.end or 'now'}: {what}{_value(window.value)}")


def _state(one: Subject) -> str:
    why = f" ({one.reason})" if one.reason else ""
    return f"{one.state}{why}, {_value(one.value)}, said {one.said}"


def _value(value: object) -> str:
    """Return a value in one printable line that is not too long."""
    text = _printable(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= 200 else text[:197] + "..."  # noqa: PLR2004  # a line of a terminal


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
