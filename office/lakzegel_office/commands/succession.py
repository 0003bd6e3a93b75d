# SPDX-License-Identifier: EUPL-1.2
"""`succession`: say in a new log where the old one ended (docs/spec/succession.md)."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_core.succession import Succession, sign_succession
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, command, say, unlock
from lakzegel_office.config import POLICY_KEYS
from lakzegel_office.errors import UsageError
from lakzegel_office.former import verify_former
from lakzegel_office.home import Home
from lakzegel_office.keys.approving import policy_key


def add(commands: Commands) -> None:
    """Add the command."""
    text = "sign, for a new log, where the log ended that it continues"
    parser = command(commands, "succession", run, text)
    parser.add_argument(
        "--former", type=Path, required=True, metavar="DIR", help="the home of the log that ended"
    )
    parser.add_argument(
        "--reason", default="key-lost", metavar="WORD", help="a-z, 0-9 and hyphens (key-lost)"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the note, for the receiver")


def run(arguments: argparse.Namespace) -> int:
    """Verify the old mirror whole, and write the note over its newest tree."""
    office = unlock(arguments)
    if arguments.out.exists():
        raise UsageError(f"{arguments.out}: exists; a log is continued once")
    former = verify_former(Home.open(arguments.former), say)
    now = datetime.now(UTC).replace(microsecond=0)
    found = Succession(office.config.origin, former, arguments.reason, now)
    keys = [policy_key(office, name) for name in POLICY_KEYS]
    durable.write_new(arguments.out, sign_succession(found, keys))
    print(f"{arguments.out}: {found.origin} continues {former.origin} after {former.size} entries")
    print("have the receiver publish it right after the delegation, before anything else")
    return 0
