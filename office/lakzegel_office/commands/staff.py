# SPDX-License-Identifier: EUPL-1.2
"""`staff`: who works here, each with keys of his own; docs/spec/office-keys.md §2."""

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import FormatError
from lakzegel_core.fields import slug
from lakzegel_office import settings
from lakzegel_office.commands.common import Commands, Office, answer, as_now, command, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.config import Config, read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys import delegations, staffing
from lakzegel_office.keys.login import own_folder
from lakzegel_office.keys.master import for_passphrase
from lakzegel_office.keys.people import Duty, Person, check_duties, in_order
from lakzegel_office.keys.standing import standing
from lakzegel_office.mirror import Mirror
from lakzegel_office.replaying import replay_home
from lakzegel_office.vault import WORK_FACTOR

TEXT: Final = "who works here, each with a passphrase and keys of his own"


def add(commands: Commands) -> None:
    """Add the command with its parts."""
    top = commands.add_parser("staff", help=TEXT, description=TEXT)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "add", join, "give somebody a vault, and what his roles need")
    parser.add_argument("name", metavar="NAME", help="a-z, 0-9 and hyphens; for ever his")
    parser.add_argument(
        "--roles", required=True, metavar="R,…", help=", ".join(duty.value for duty in Duty)
    )
    parser.add_argument(
        "--new-passphrase-file",
        type=Path,
        metavar="F",
        help="that person's own passphrase; without it he types it",
    )
    parser.add_argument(
        "--new-staff-home", type=Path, metavar="DIR", help="his vault goes there, not into the home"
    )
    parser.add_argument("--work-factor", type=int, default=WORK_FACTOR, metavar="N")
    parser = command(parts, "passphrase", passphrase, "another passphrase for your own vault")
    parser.add_argument("--new-passphrase-file", type=Path, metavar="F", help="else you type it")
    parser = command(parts, "list", show, "show who works here, and what is one person's still")
    parser.add_argument("--json", action="store_true", help="for a program")
    parser = command(parts, "remove", leave, "end somebody's access; the master key is replaced")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--key-is-lost",
        action="store_true",
        help="he has the privacy officer's key and cannot hand it over: no policy is signed then",
    )
    text = "give the privacy officer's key to who follows you; you have it no more"
    parser = command(parts, "hand-over", hand_over, text)
    parser.add_argument("name", metavar="NAME", help="who gets it; has the role privacy")
    parser.add_argument("--new-staff-home", type=Path, metavar="DIR", help="where his vault is")
    command(parts, "settle", settle, "end the office's one passphrase and the keys it shared")


def join(arguments: argparse.Namespace) -> int:
    """Make a person's vault and prepare the delegation that names his key."""
    name, roles = _name(arguments.name), _roles(arguments.roles)
    office = unlock(arguments)
    passphrase = settings.new_passphrase(arguments.new_passphrase_file)
    joining = staffing.Joining(
        name, roles, passphrase, arguments.new_staff_home, arguments.work_factor
    )
    with office.home.changing_keys():
        tools = staffing.Tools(_now())
        config, note = staffing.join(as_now(office), joining, tools)
        about = {"person": name, "roles": ",".join(in_order(roles))}
        trail_of(office).record("staff-add", about, now=tools.now)
    person = config.people.get(name)
    print(f"{name}: {', '.join(in_order(roles))}; logs in with --as {name} and his own passphrase")
    if person.approval is not None:
        print(f"key approval {person.approval.to_text()}")
    _tell(office, config, note)
    return 0


def passphrase(arguments: argparse.Namespace) -> int:
    """Have another passphrase open one's vault, or the office's where nobody has a name."""
    office = unlock(arguments)
    new = settings.new_passphrase(arguments.new_passphrase_file)
    with office.home.changing_keys():
        office, now = as_now(office), _now()
        trail_of(office).record("staff-passphrase", {"person": office.actor.name}, now=now)
        if office.staff is None:
            folder, vault = office.home.keys, office.vault
        else:
            name = office.staff.person.name
            folder, vault = arguments.staff_home or own_folder(office.home, name), office.staff.own
        for_passphrase(folder, new, os.urandom).keep(*vault.masters)
    print(f"{folder}: opens with the new passphrase alone; backups of it with the old one still")
    return 0


def leave(arguments: argparse.Namespace) -> int:
    """End a person's access."""
    office = unlock(arguments)
    alone = settings.passphrase(arguments.passphrase_file) if office.staff is None else None
    with office.home.changing_keys():
        tools = staffing.Tools(_now())
        # on disk before: afterwards the keys that write it are others
        trail_of(office).record("staff-remove", {"person": arguments.name}, now=tools.now)
        config, note = staffing.leave(
            as_now(office), arguments.name, alone, tools, key_is_lost=arguments.key_is_lost
        )
    print(f"{arguments.name}: opens nothing here from now on; the master key is another one")
    print("what he copied before he can still read: withdraw his access to the files too")
    print("restart what runs with the old key: pull --follow, witness")
    _tell(office, config, note)
    return 0


def hand_over(arguments: argparse.Namespace) -> int:
    """Give the privacy officer's key to another one."""
    office = unlock(arguments)
    with office.home.changing_keys():
        tools = staffing.Tools(_now())
        about = {"key": staffing.PRIVACY_KEY, "to": arguments.name}
        trail_of(office).record("staff-hand-over", about, now=tools.now)
        staffing.hand_over(as_now(office), arguments.name, arguments.new_staff_home, tools)
    print(f"{staffing.PRIVACY_KEY}: is {arguments.name}'s now; backups of your vault hold it still")
    return 0


def settle(arguments: argparse.Namespace) -> int:
    """End the time of one passphrase."""
    office = unlock(arguments)
    mirror = Mirror(office.home.mirror)
    if not mirror.checkpoint.exists():
        raise UsageError(f"{office.home.root}: no mirror yet; run: lakzegel-office pull")
    in_force = replay_home(office).custody.require_delegation().approval
    with office.home.changing_keys():
        tools = staffing.Tools(_now())
        trail_of(office).record("staff-settle", {}, now=tools.now)
        gone = staffing.settle(as_now(office), in_force, tools)
    print(f"destroyed: {', '.join(gone) or 'nothing was left'}")
    print("nobody shares a passphrase now; restart what runs with the old key")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print a line a person; needs no passphrase."""
    home = Home.open(arguments.home)
    config = read_config(home.config)
    found = standing(home, config)
    if arguments.json:
        answer({"people": [_row(p) for p in config.people.all], "shared": list(found)})
        return 0
    for person in config.people.all:
        row = _row(person)
        roles = ",".join(in_order(person.roles))
        print(f"{person.name}\t{roles}\t{row['since']}\t{row['until'] or '-'}")
    for line in found:
        print(f"note: {line}")
    return 0


def _row(person: Person) -> dict[str, object]:
    keys = {"approval": person.approval, "policy": person.policy}
    return {
        "name": person.name,
        "roles": [duty.value for duty in in_order(person.roles)],
        "since": format_time(person.since),
        "until": format_time(person.until) if person.until is not None else None,
        **{label: key.to_text() for label, key in keys.items() if key is not None},
    }


def _tell(office: Office, config: Config, note: Path | None) -> None:
    if note is not None:
        lacking = delegations.missing(note, config.policy_keys, config.threshold)
        if lacking:
            print(f"{note}: lacks {lacking} signature; now: keys delegation cosign, by who has it")
        else:
            print(f"{note}: complete; have the receiver publish it, then pull")
    for line in standing(office.home, config):
        print(f"note: {line}")


def _name(text: str) -> str:
    try:
        return slug(text, what="name")
    except FormatError as error:
        raise UsageError(f"{text}: {error}") from error


def _roles(text: str) -> frozenset[Duty]:
    try:
        roles = frozenset(Duty(part.strip()) for part in text.split(","))
        check_duties(roles)
    except ValueError as error:
        raise UsageError(f"--roles {text}: {error}") from error
    return roles


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
