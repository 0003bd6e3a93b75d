# SPDX-License-Identifier: EUPL-1.2
"""`init`: a new receiver with new log keys."""

from __future__ import annotations

import argparse
import secrets

from lakzegel_server.commands.common import FINE, Commands, command, wall_clock
from lakzegel_server.commands.placed import placed, stored
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.index.opening import is_made
from lakzegel_server.layout import Layout
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logsigner import create
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailkey
from lakzegel_server.settings import load

_SEEDS = 64  # bytes: one seed of 32 a key


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "init", run, "make the log's keys and an empty log")
    parser.epilog = (
        "Where DIR/settings.toml has a log_key, the Ed25519 key is the one of that PKCS#11 token;"
        " one is made there when there is none. The other key is a file either way."
    )
    parser.add_argument(
        "--name", required=True, metavar="ORIGIN", help="the log's name, like log.example/lakzegel"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make DATA, print the verifier keys and what comes next."""
    settings = load(Layout(arguments.data))
    layout = placed(arguments, settings)
    if layout.index is not None:
        if is_made(layout.index):
            raise ConfigError(f"{layout.index}: already holds an index; give another schema")
        Database.open(layout.index).close()  # where that cannot be made, no key is either
    token = opener(settings, make=True)
    with stored(arguments, settings, layout, origin=arguments.name) as whole:
        signer = create(layout.data, arguments.name, secrets.token_bytes(_SEEDS), token=token)
        trailkey.ensure(layout, arguments.name, secrets.token_bytes(trailkey.SEED_SIZE))
        LogState.open(whole, signer, clock=wall_clock).close()
    print(signer.keys.ed25519.to_text())
    print(signer.keys.mldsa.to_text())
    print()
    print(f"Both keys are in {layout.log_keys}; agents, office and auditors pin them.")
    print("Next: the office runs 'lakzegel-office init --log-keys log.keys', then here")
    print(f"  lakzegel-server publish --data {layout.data} delegation.note")
    print(f"  lakzegel-server account add --data {layout.data} --role records NAME")
    print(f"  lakzegel-server serve --data {layout.data}")
    return FINE
