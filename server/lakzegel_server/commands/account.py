# SPDX-License-Identifier: EUPL-1.2
"""`account`: who may log in, and as what."""

from __future__ import annotations

import argparse
import secrets
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_core.encoding import format_time
from lakzegel_server import accounts
from lakzegel_server.accounts import AccountRole, Way
from lakzegel_server.commands.common import FINE, Commands, command, wall_clock
from lakzegel_server.commands.indexed import index_of
from lakzegel_server.commands.placed import layout_of
from lakzegel_server.database import Database
from lakzegel_server.durable import create
from lakzegel_server.errors import ConfigError
from lakzegel_server.people import breakglass, trailrows
from lakzegel_server.people.operator import operator
from lakzegel_server.people.records import Action, Event, Thing


def add(commands: Commands) -> None:
    """Add the command and its verbs."""
    text = "add, list or remove people who may log in"
    top = commands.add_parser("account", help=text, description=text)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    parser = command(verbs, "add", run_add, "make an account; its token is shown once")
    _role(parser, required=True)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--token-file", type=Path, metavar="F", help="write the token there, not on the screen"
    )
    parser = command(verbs, "renew", run_renew, "give an account a new token for its old one")
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--token-file", type=Path, metavar="F", help="write the token there, not on the screen"
    )
    _role(command(verbs, "list", run_list, "name and role of every account"), required=False)
    parser = command(
        verbs, "break-glass", run_break_glass, "make an account with password and code, shown once"
    )
    _role(parser, required=True)
    parser.add_argument("name", metavar="NAME")
    parser = command(verbs, "remove", run_remove, "take an account away")
    _role(parser, required=False)
    parser.add_argument("name", metavar="NAME")


def run_add(arguments: argparse.Namespace) -> int:
    """Make the account and hand over its token."""
    secret = secrets.token_bytes(accounts.SECRET_SIZE)
    now = format_time(datetime.now(UTC))
    with index_of(layout_of(arguments)) as database:
        role = AccountRole(arguments.role)
        token = accounts.add(database, arguments.name, role, secret=secret, now=now)
        _tell(database, Action.ADD, role, arguments.name)
        if arguments.token_file is None:
            print(token)
            return FINE
        try:
            with create(arguments.token_file) as file:
                file.write(f"{token}\n".encode())
        except OSError as error:
            accounts.remove(database, arguments.name)
            _tell(database, Action.REMOVE, role, arguments.name)
            raise ConfigError(
                f"{arguments.token_file}: {error.strerror}; no account made"
            ) from None
    return FINE


def run_renew(arguments: argparse.Namespace) -> int:
    """Hand over a new token; the old one ends in the same moment."""
    secret = secrets.token_bytes(accounts.SECRET_SIZE)
    now = format_time(datetime.now(UTC))
    token, file = accounts.token_of(arguments.name, secret), arguments.token_file
    with index_of(layout_of(arguments)) as database:
        if file is not None:
            _write(file, token)
        try:
            role = accounts.renew(database, arguments.name, secret=secret, now=now)
        except BaseException:
            if file is not None:
                file.unlink(missing_ok=True)
            raise
        _tell(database, Action.CHANGE, role, arguments.name)
    if file is None:
        print(token)
    return FINE


def _write(path: Path, token: str) -> None:
    try:
        with create(path) as file:
            file.write(f"{token}\n".encode())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; the token stays as it was") from None


def run_break_glass(arguments: argparse.Namespace) -> int:
    """Make the account and show what it is opened with."""
    now = format_time(datetime.now(UTC))
    with index_of(layout_of(arguments)) as database:
        role = AccountRole(arguments.role)
        shown = breakglass.add(database, arguments.name, role, now=now)
        _tell(database, Action.ADD, role, arguments.name, Way.BREAK_GLASS)
    print(f"password  {shown.password}")
    print(f"code      {shown.address}")
    print("Neither is shown again. Keep them apart, sealed; each use is told loudly.")
    return FINE


def run_list(arguments: argparse.Namespace) -> int:
    """Print every account, or those of one role."""
    with index_of(layout_of(arguments)) as database:
        for account in accounts.listing(database):
            if arguments.role in {None, account.role}:
                way = "" if account.way is Way.TOKEN else f" {account.way}"
                print(f"{account.name} {account.role}{way}")
    return FINE


def run_remove(arguments: argparse.Namespace) -> int:
    """Take the account away."""
    with index_of(layout_of(arguments)) as database:
        known = {account.name: account for account in accounts.listing(database)}
        found = known.get(arguments.name)
        if found is None or arguments.role not in {None, found.role}:
            raise ConfigError(f"account {arguments.name}: does not exist in that role")
        accounts.remove(database, arguments.name)
        _tell(database, Action.REMOVE, found.role, arguments.name, found.way)
    return FINE


def _tell(
    database: Database, action: Action, role: AccountRole, name: str, way: Way = Way.TOKEN
) -> None:
    """Record it; a running `serve` has it sealed."""
    event = Event(operator(), action, Thing.ACCOUNT, id=f"{name} {role} {way}")
    trailrows.append(database, [event], now=wall_clock())


def _role(parser: argparse.ArgumentParser, *, required: bool) -> None:
    roles = [role.value for role in AccountRole]
    parser.add_argument("--role", choices=roles, required=required, help="what it may do")
