# SPDX-License-Identifier: EUPL-1.2
"""`trail`: who did what here, oldest first; its chain proven from the first line to the last."""

import argparse
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_core.encoding import b64, format_time
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, Office, command, say, shown, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.heads import Heads
from lakzegel_office.journal import Entry
from lakzegel_office.keys.events import QUARTER, TRAIL_CHECK, Events
from lakzegel_office.keys.people import Duty
from lakzegel_office.unusual import Unusual, by_person

_MORE: Final = """\
A head is how far each journal goes. Whoever keeps one elsewhere finds whatever is cut or changed
before it: keep it where the office's administrator cannot write.

exit: 0 the chain holds; 1 it does not, or not with the kept head; 2 usage

example: lakzegel-office trail --home DIR --as otto --check heads-june --keep heads-september
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "trail", run, "show who opened, proved or changed what, and why")
    parser.epilog = _MORE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--action", metavar="A", help="only this action, such as open")
    parser.add_argument("--actor", metavar="NAME", help="only what this person did")
    parser.add_argument("--from", dest="begin", type=_day, metavar="DATE", help="first day, UTC")
    parser.add_argument("--to", dest="end", type=_day, metavar="DATE", help="last day, UTC")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--sums", action="store_true", help="how often, by person and month")
    shape.add_argument("--unusual", action="store_true", help="only what one should ask about")
    parser.add_argument("--check", type=Path, metavar="F", help="against heads that were kept")
    parser.add_argument("--keep", type=Path, metavar="F", help="write the heads of now, to be kept")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(arguments: argparse.Namespace) -> int:
    """Print a line an act, and the head of the chain last."""
    office = unlock(arguments)
    trail = trail_of(office)
    if arguments.check is not None:
        _check(office, arguments.check)
    else:
        for line in _lines(office, trail.journal.read(), arguments):
            print(line)
    if arguments.keep is not None:
        heads = Heads.of(office.home, office.config.origin, _now())
        try:
            durable.write_new(arguments.keep, heads.to_text().encode())
        except FileExistsError:
            raise UsageError(f"{arguments.keep}: exists; give a new file") from None
        say(f"{arguments.keep}: keep it where nobody who works here can write")
    head = trail.journal.head()
    say(f"{head.count} lines, each after the one before; the last is {b64(head.digest)}")
    return 0


def _check(office: Office, path: Path) -> None:
    """Prove every journal against kept heads, and have on record who did and that it fits."""
    kept = Heads.read(path)
    kept.check(office.home, office.config.origin)
    now = _now()
    Heads.of(office.home, office.config.origin, now)  # and on from there, to the end of each
    staff = office.staff
    independent = staff is not None and staff.person.may(Duty.AUDIT)
    about = {"since": format_time(kept.at), "independent": "yes" if independent else "no"}
    trail_of(office).record(TRAIL_CHECK, about, now=now)
    by = office.actor.name
    Events(office.home, office.journal_key).record(TRAIL_CHECK, about, by=by, now=now)
    print(f"{len(kept.heads)} journals begin as they were on {format_time(kept.at)}, and hold")
    if not independent:
        print("note: not by an independent person; BIO2 8.15.06 asks for one: role audit")
    print(f"next check due {format_time(now + QUARTER)[:10]}")


def _lines(
    office: Office, entries: Iterator[Entry], arguments: argparse.Namespace
) -> Iterator[str]:
    chosen = [(entry, why) for entry, why in _looked(office, entries) if _wanted(entry, arguments)]
    if arguments.sums:
        for row in by_person(entry for entry, _ in chosen):
            counts = ", ".join(f"{action} {number}" for action, number in row.counts.items())
            plain = f"{row.month}\t{shown(row.actor)}\t{shown(counts)}"
            yield json.dumps(row.to_json(), sort_keys=True) if arguments.json else plain
        return
    for entry, why in chosen:
        if why or not arguments.unusual:
            said = {**_row(entry), **({"unusual": why} if arguments.unusual else {})}
            tail = f"\t{'; '.join(why)}" if arguments.unusual else ""
            yield json.dumps(said, sort_keys=True) if arguments.json else _line(entry) + tail


def _looked(office: Office, entries: Iterator[Entry]) -> Iterator[tuple[Entry, list[str]]]:
    people = office.config.people.all
    left = {person.name: person.until for person in people if person.until is not None}
    looking = Unusual({person.name: person.since for person in people}, left, None)
    for entry in entries:
        yield entry, list(looking.look(entry))


def _wanted(entry: Entry, arguments: argparse.Namespace) -> bool:
    says = entry.says
    return (
        arguments.action in (None, says["action"])
        and arguments.actor in (None, says["actor"])
        and (arguments.begin is None or entry.at >= arguments.begin)
        and (arguments.end is None or entry.at < arguments.end + timedelta(days=1))
    )


def _row(entry: Entry) -> Mapping[str, Any]:
    return {**entry.says, "at": format_time(entry.at), "number": entry.number}


def _line(entry: Entry) -> str:
    says = entry.says
    what = ", ".join(f"{kind} {value}" for kind, value in says["object"].items())
    parts = (format_time(entry.at), says["actor"], says["action"], what, says["result"])
    return "\t".join([*map(shown, parts), shown(says["reason"])])


def _day(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
