# SPDX-License-Identifier: EUPL-1.2
"""What several commands share: the arguments of all, and the opened office."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from lakzegel_office import settings
from lakzegel_office.audit import Actor
from lakzegel_office.config import Config, read_config
from lakzegel_office.doubts import printable
from lakzegel_office.home import Home
from lakzegel_office.journal import journal_key
from lakzegel_office.keys.login import Staff, login, login_alone
from lakzegel_office.vault import INDEX, JOURNAL, Vault

Run = Callable[[argparse.Namespace], int]


class Commands(Protocol):
    """What a command's module adds itself to."""

    def add_parser(
        self,
        name: str,
        **kwargs: Any,  # noqa: ANN401 - argparse's own signature
    ) -> argparse.ArgumentParser:
        """Return the parser of a new command."""


@dataclass(frozen=True, slots=True)
class Office:
    """One office: its home, what is public of it, and its keys once they are unlocked."""

    home: Home
    config: Config
    vault: Vault
    staff: Staff | None = None  # who logged in by name; None: the office's one passphrase

    @property
    def journal_key(self) -> bytes:
        """The key of the journals, which everybody who works here has."""
        if self.vault.has(JOURNAL):
            return self.vault.load(JOURNAL)
        return journal_key(self.vault.load(INDEX))

    @property
    def actor(self) -> Actor:
        """Who acts, for the audit trail."""
        return Actor.here(self.staff.person.name if self.staff is not None else None)


def command(commands: Commands, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """Return the parser of a command with the arguments that all have."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="the office's home")
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="F",
        help=f"holds the passphrase (or the environment's {settings.PASSPHRASE_VARIABLE})",
    )
    parser.add_argument(
        "--as",
        dest="as_name",
        metavar="NAME",
        help=f"who you are, with your own passphrase (or the environment's {settings.STAFF})",
    )
    parser.add_argument(
        "--staff-home",
        type=Path,
        metavar="DIR",
        help="your own vault, where it is not in the office's home",
    )
    parser.set_defaults(run=run)
    return parser


def unlock(arguments: argparse.Namespace) -> Office:
    """Return the office of `--home`, unlocked with the passphrase of whoever runs the command.

    Raises:
        UsageError: no office there, nobody of that name, or not the passphrase.
    """
    home = Home.open(arguments.home)
    config = read_config(home.config)
    passphrase = settings.passphrase(arguments.passphrase_file)
    name = arguments.as_name or settings.staff()
    if name is None:
        return Office(home, config, login_alone(home, config, passphrase))
    staff, vault = login(home, config, name, passphrase, arguments.staff_home)
    return Office(home, config, vault, staff)


def as_now(office: Office) -> Office:
    """Return the office with what `office.toml` says now.

    Raises:
        UsageError: its master key was replaced since it was unlocked: what is sealed to the one
            that this command has would never be opened.
    """
    if office.vault.has(INDEX):
        office.vault.load(INDEX)
    return replace(office, config=read_config(office.home.config))


def say(text: str) -> None:
    """Print one line of progress where results do not go."""
    print(printable(text), file=sys.stderr, flush=True)


def shown(text: str) -> str:
    """Return what somebody once wrote as a part of one line that steers no terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def answer(value: object) -> None:
    """Print a result for a program."""
    print(json.dumps(value, indent=2, sort_keys=True))


def answer_line(value: object) -> None:
    """Print one of many results for a program, on a line."""
    print(json.dumps(value, sort_keys=True))
