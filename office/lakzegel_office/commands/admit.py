# SPDX-License-Identifier: EUPL-1.2
"""`admit`: leave for one device, or for several of a group, to enrol.

The token file, for the device's profile alone (0600):

    PRIVATE+KEY+<origin>/token/5f2c9a01+…
    <blank line>
    <the admission note, to its last byte>

`OUT.note` is the admission note by itself, for the receiver to publish.
"""

import argparse
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, command, unlock
from lakzegel_office.errors import UsageError
from lakzegel_office.terms.register import terms_of

DEFAULT_DAYS: Final = 30  # how long a token lets in
DEFAULT_CUSTODY: Final = "default"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "admit", run, "sign leave for a device to enrol")
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--device", metavar="NAME", help="the one device that it is for")
    whom.add_argument("--group", metavar="G", help="the group whose devices it is for")
    parser.add_argument("--count", type=int, default=1, metavar="N", help="how many (default 1)")
    parser.add_argument(
        "--expires",
        type=date.fromisoformat,
        metavar="DATE",
        help=f"last day, UTC (default: {DEFAULT_DAYS} days from now)",
    )
    parser.add_argument("--custody", default=DEFAULT_CUSTODY, metavar="NAME")
    parser.add_argument("out", type=Path, metavar="OUT", help="the token file; OUT.note beside it")


def run(arguments: argparse.Namespace) -> int:
    """Write the token file and the admission note."""
    office = unlock(arguments)
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
        expires=_expires(arguments.expires, datetime.now(UTC)),
        custody=arguments.custody,
    )
    signed = sign_admission(
        admission, office.vault.signer("enrolment", office.config.keys["enrolment"])
    )
    durable.write_new(out, token.to_text().encode() + b"\n\n" + signed)
    durable.write_new(note_file, signed)
    print(f"{out}: for the device's profile, secret")
    print(f"{note_file}: have the receiver publish it first")
    return 0


def _expires(day: date | None, now: datetime) -> datetime:
    """Return the end of the day given, or of a month from now.

    Raises:
        UsageError: that is past.
    """
    last = day if day is not None else (now + timedelta(days=DEFAULT_DAYS)).date()
    end = datetime.combine(last, time(23, 59, 59), UTC)
    if end <= now:
        raise UsageError(f"--expires {last}: that is past")
    return end
