# SPDX-License-Identifier: EUPL-1.2
"""`receiver`: where the receiver is and by which account, once more than at `init`."""

import argparse
from dataclasses import replace
from pathlib import Path

from lakzegel_office import durable, settings
from lakzegel_office.commands.common import Commands, command, unlock
from lakzegel_office.config import Config, read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.vault import ACCOUNT


def add(commands: Commands) -> None:
    """Add the command."""
    text = "show or change the receiver's address and this office's token for it"
    parser = command(commands, "receiver", run, text)
    parser.add_argument(
        "--account-file",
        type=Path,
        metavar="F",
        help="a new bearer token, kept encrypted instead of the one before",
    )
    parser.add_argument("--server", metavar="URL", help="the receiver's new address")
    parser.add_argument("--ca-file", type=Path, metavar="F", help="trust this authority for TLS")


def run(arguments: argparse.Namespace) -> int:
    """Keep what is new, and print how the receiver is reached from now on."""
    office = unlock(arguments)
    config = office.config
    token = None
    if arguments.account_file is not None:
        token = settings.secret_line(arguments.account_file, what="account's token")
        name, _, secret = token.partition(".")
        if not name or not secret:
            raise UsageError(f"{arguments.account_file}: no token of a receiver, NAME.SECRET")
        config = replace(config, account=name)
    if arguments.server is not None:
        config = replace(config, server=arguments.server)
    if arguments.ca_file is not None:
        if not arguments.ca_file.is_file():
            raise UsageError(f"{arguments.ca_file}: no such file")
        config = replace(config, ca_file=str(arguments.ca_file.absolute()))
    with office.home.changing_keys():
        if token is not None:
            office.vault.replace(ACCOUNT, token.encode())
        if config != office.config:
            kept = {name: getattr(config, name) for name in ("account", "server", "ca_file")}
            now = replace(read_config(office.home.config), **kept)
            durable.write_file(office.home.config, now.to_toml().encode())
    _tell(config)
    return 0


def _tell(config: Config) -> None:
    print(f"server   {config.server or 'none; pull asks for --server'}")
    print(f"account  {config.account or 'none; pull asks for --account-file'}")
    if config.ca_file is not None:
        print(f"ca file  {config.ca_file}")
