# SPDX-License-Identifier: EUPL-1.2
"""`admit`: leave for one device, for several of a group, or for each machine of a table, to enrol.

The token file, for the device's profile alone (0600):

    PRIVATE+KEY+<origin>/token/5f2c9a01+…
    <blank line>
    <the admission note, to its last byte>

`OUT.note` is the admission note by itself, for the receiver to publish. Of a table OUT is a folder
(`rosters/making.py`).
"""

import argparse
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, Office, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.rosters import making
from lakzegel_office.rosters.book import book_of
from lakzegel_office.rosters.table import Given, TableError, read_table
from lakzegel_office.terms.register import terms_of

DEFAULT_DAYS: Final = 30  # how long a token lets in
DEFAULT_CUSTODY: Final = "default"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "admit", run, "sign leave for devices to enrol")
    parser.add_argument("--device", metavar="NAME", help="the one device that it is for")
    parser.add_argument("--group", metavar="G", help="the group whose devices it is for")
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="for each machine of a table: columns serial, and group, custody, person where they"
        " differ; OUT is a new folder with one line for the profile of them all",
    )
    parser.add_argument(
        "--count", type=int, default=1, metavar="N", help="how often (default 1; of a table, each)"
    )
    add_expires(parser)
    parser.add_argument("--custody", default=DEFAULT_CUSTODY, metavar="NAME")
    parser.add_argument("out", type=Path, metavar="OUT", help="the token file; OUT.note beside it")


def add_expires(parser: argparse.ArgumentParser) -> None:
    """Add until when."""
    parser.add_argument(
        "--expires",
        type=date.fromisoformat,
        metavar="DATE",
        help=f"last day, UTC (default: {DEFAULT_DAYS} days from now)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the token file and the admission note, or the folder of a roster."""
    if arguments.csv is None and arguments.device is None and arguments.group is None:
        raise UsageError("admit: for whom? --device, --group or --csv")
    if arguments.csv is not None and arguments.device is not None:
        raise UsageError("--device: a roster's devices have names of their own")
    office = unlock(arguments)
    return _one(arguments, office) if arguments.csv is None else _roster(arguments, office)


def _one(arguments: argparse.Namespace, office: Office) -> int:
    out: Path = arguments.out
    note_file = out.with_name(out.name + ".note")
    for path in (out, note_file):
        if path.exists():
            raise UsageError(f"{path}: exists; a token is made once")
    if terms_of(office).is_closed(arguments.custody):
        raise UsageError(f"--custody {arguments.custody}: its term was closed; nothing is added")
    origin = office.config.origin
    token = SigningKey.from_seed(
        f"{origin}/token/{os.urandom(4).hex()}", Algorithm.ED25519, os.urandom(32)
    )
    admission = Admission(
        origin=origin,
        token=token.verifier,
        device=arguments.device,
        group=arguments.group,
        count=arguments.count,
        expires=end_of(arguments.expires, datetime.now(UTC)),
        custody=arguments.custody,
    )
    signed = sign_admission(admission, enrolment_key(office))
    durable.write_new(out, token.to_text().encode() + b"\n\n" + signed)
    durable.write_new(note_file, signed)
    print(f"{out}: for the device's profile, secret")
    print(f"{note_file}: have the receiver publish it first")
    return 0


def _roster(arguments: argparse.Namespace, office: Office) -> int:
    """One key, one table, an admission each: all of them, or none."""
    out: Path = arguments.out
    if out.exists():
        raise UsageError(f"{out}: exists; a roster is made once")
    now = datetime.now(UTC).replace(microsecond=0)
    expires = end_of(arguments.expires, now)
    given = Given(arguments.group, arguments.custody, terms_of(office), now)
    try:
        rows = read_table(arguments.csv, given)
    except TableError as error:
        for fault in error.faults:
            say(f"lakzegel-office: {arguments.csv}: {fault}")
        raise
    key = enrolment_key(office)
    made = making.make(rows, office.config.origin, key, times=arguments.count, expires=expires)
    book_of(office).add(made.key.number, expires, made.machines, now)
    about = {"devices": str(len(rows)), "roster": made.key.number}
    trail_of(office).record("admit", about, now=now)
    making.write(made, out)
    print(f"{out / making.NOTES}: {len(rows)} admissions; have the receiver publish them first")
    print(f"{out / making.KEY}: for the profile of these machines, secret")
    print(f"{out / making.TABLE}: which machine is which device, for the office alone")
    return 0


def enrolment_key(office: Office) -> SigningKey:
    """Return the key that signs admissions."""
    return office.vault.signer("enrolment", office.config.keys["enrolment"])


def end_of(day: date | None, now: datetime) -> datetime:
    """Return the end of the day given, or of a month from now.

    Raises:
        UsageError: that is past.
    """
    last = day if day is not None else (now + timedelta(days=DEFAULT_DAYS)).date()
    end = datetime.combine(last, time(23, 59, 59), UTC)
    if end <= now:
        raise UsageError(f"--expires {last}: that is past")
    return end
