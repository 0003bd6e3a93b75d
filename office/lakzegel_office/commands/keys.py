# SPDX-License-Identifier: EUPL-1.2
"""`keys`: periods of recipients, delegations; docs/spec/office-keys.md."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import FormatError
from lakzegel_core.fields import slug
from lakzegel_office import settings
from lakzegel_office.commands import escrow
from lakzegel_office.commands.common import Commands, Office, answer, as_now, command, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.config import read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys import delegations, rotating
from lakzegel_office.keys.approving import policy_signers
from lakzegel_office.keys.due import all_due
from lakzegel_office.keys.periodkeys import begin_period, require_new
from lakzegel_office.keys.periods import ROLES, Period
from lakzegel_office.keys.staffing import Tools, renew_master
from lakzegel_office.mirror import Mirror
from lakzegel_office.replaying import replay_home
from lakzegel_office.vault import MASTER

TEXT: Final = "the office's keys: periods of recipients, delegations"


def add(commands: Commands) -> None:
    """Add the command with its parts."""
    top = commands.add_parser("keys", help=TEXT, description=TEXT)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "status", status, "how old keys are, and what is due")
    parser.epilog = "exit: 0 nothing is due; 1 something is"
    parser.add_argument("--json", action="store_true", help="for a program")
    parser = command(parts, "rotate", rotate, "make another key, and the delegation that names it")
    parser.add_argument(
        "role", choices=(*rotating.ROLES, MASTER), help="approval: your own, with --as"
    )
    text = "recipients per period"
    period = parts.add_parser("period", help=text, description=text)
    acts = period.add_subparsers(dest="act", required=True, metavar="ACT")
    parser = command(acts, "begin", begin, "make new recipients; policies name them from now on")
    parser.add_argument("name", type=_slug, metavar="NAME", help="a-z, 0-9 and hyphens")
    parser.add_argument(
        "--organisation", type=_slug, metavar="ORG", help="whose, where the office serves several"
    )
    parser = command(acts, "list", show, "show every period and how far it is")
    parser.add_argument("--json", action="store_true", help="for a program")
    escrow.add(parts)
    text = "who may enrol, approve and cosign, as the policy keys sign it"
    delegation = parts.add_parser("delegation", help=text, description=text)
    acts = delegation.add_subparsers(dest="act", required=True, metavar="ACT")
    command(acts, "prepare", prepare, "make the one that fits who works here, and sign it")
    parser = command(acts, "cosign", cosign, "add your policy key's signature to a new delegation")
    parser.add_argument(
        "note", type=Path, nargs="?", metavar="NOTE", help="default: the newest made here"
    )


def status(arguments: argparse.Namespace) -> int:
    """Print a line for each thing that comes round, and return 1 where one is due."""
    office = unlock(arguments)
    mirror = Mirror(office.home.mirror)
    replay = replay_home(office) if mirror.checkpoint.exists() else None
    now = datetime.now(UTC)
    found = list(all_due(office, replay))
    if arguments.json:
        answer([due.to_json(now) for due in found])
    else:
        for due in found:
            print(due.line(now))
    return 1 if any(due.is_due(now) for due in found) else 0


def rotate(arguments: argparse.Namespace) -> int:
    """Make another key for a role."""
    office = unlock(arguments)
    if arguments.role == MASTER:
        return _rotate_master(office, arguments)
    with office.home.changing_keys():
        tools = Tools(datetime.now(UTC).replace(microsecond=0))
        trail_of(office).record("key-rotate", {"role": arguments.role}, now=tools.now)
        key, note = rotating.rotate(as_now(office), arguments.role, tools)
    print(f"key {arguments.role} {key.verifier.to_text()}")
    if note is None:
        print("next, by an archivist: keys delegation prepare")
    else:
        print(f"{note}: names it; have it completed and published before it signs anything")
    return 0


def begin(arguments: argparse.Namespace) -> int:
    """Make the recipients of a new period, and close the one before."""
    office = unlock(arguments)
    now = datetime.now(UTC).replace(microsecond=0)
    with office.home.changing_keys():
        office = as_now(office)
        require_new(office.config, arguments.name)
        trail_of(office).record("period-begin", {"period": arguments.name}, now=now)
        config = begin_period(
            office.home,
            office.config,
            office.vault,
            arguments.name,
            arguments.organisation,
            now=now,
            random=os.urandom,
        )
    period = config.periods.get(arguments.name)
    for role in ROLES:
        print(f"recipient {role} {period.recipients[role].to_text()}")
    print("next: name both in policy.toml, then: policy sign, policy cosign")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print a line a period, oldest first; needs no passphrase."""
    periods = read_config(Home.open(arguments.home).config).periods
    if arguments.json:
        answer([_row(period) for period in periods.all])
        return 0
    for period in periods.all:
        row = _row(period)
        print("\t".join(str(row[name] or "-") for name in ("name", "state", "begun", "erased")))
    return 0


def _rotate_master(office: Office, arguments: argparse.Namespace) -> int:
    alone = settings.passphrase(arguments.passphrase_file) if office.staff is None else None
    with office.home.changing_keys():
        now = datetime.now(UTC).replace(microsecond=0)
        trail_of(office).record("key-rotate", {"role": MASTER}, now=now)
        office = as_now(office)
        renew_master(office, alone, Tools(now))
    print("the master key is another one; restart what runs with the old one")
    return 0


def prepare(arguments: argparse.Namespace) -> int:
    """Make the delegation that names the keys of now."""
    office = unlock(arguments)
    now = datetime.now(UTC).replace(microsecond=0)
    with office.home.changing_keys():
        office = as_now(office)
        note = delegations.prepare(office.home, office.config, policy_signers(office), now=now)
    if note is None:
        print("the newest delegation names the keys of now already")
        return 0
    trail_of(office).record("delegation-sign", {"note": note.name}, now=now)
    lacking = delegations.missing(note, office.config.policy_keys, office.config.threshold)
    print(f"{note}: {'lacks more: keys delegation cosign' if lacking else 'complete; publish it'}")
    return 0


def cosign(arguments: argparse.Namespace) -> int:
    """Show what a new delegation changes, and add this person's signature."""
    office = unlock(arguments)
    made = delegations.prepared(office.home)
    path, new = next((each for each in made if each[0] == arguments.note), made[-1])
    if arguments.note is not None and arguments.note != path:
        raise UsageError(f"{arguments.note}: not one of {office.home.notes}")
    before = delegations.before(made, new, office.config)
    for line in delegations.differences(before, new, office.config.people):
        print(line)
    keys = [key for key in policy_signers(office) if not delegations.has_signed(path, key)]
    if not keys:
        raise UsageError(f"{path}: no policy key at hand that has not signed it")
    now = datetime.now(UTC).replace(microsecond=0)
    trail_of(office).record("delegation-sign", {"serial": str(new.serial)}, now=now)
    for key in keys:
        delegations.add_signature(path, new.policy, key)
    lacking = delegations.missing(path, office.config.policy_keys, office.config.threshold)
    print(f"{path}: {'complete; have the receiver publish it' if not lacking else 'lacks more'}")
    return 0


def _row(period: Period) -> dict[str, object]:
    return {
        "name": period.name,
        "state": str(period.state),
        "organisation": period.organisation,
        "begun": format_time(period.begun) if period.begun is not None else None,
        "erased": format_time(period.erased) if period.erased is not None else None,
        **{role: period.recipients[role].to_text() for role in ROLES},
    }


def _slug(text: str) -> str:
    try:
        return slug(text, what="name")
    except FormatError as error:
        raise UsageError(f"{text}: {error}") from error
