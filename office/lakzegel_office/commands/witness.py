# SPDX-License-Identifier: EUPL-1.2
"""`witness`: cosign a log that only grows, and hand the mirror out, over HTTP."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Final

from lakzegel_office.commands.common import Commands, command
from lakzegel_office.home import Home
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import new_key
from lakzegel_office.witness.tokens import Tokens

LISTEN: Final = "127.0.0.1:8441"


def add(commands: Commands) -> None:
    """Add the command."""
    text = "answer over HTTP: cosign a log that only grows, and hand out the mirror"
    parser = command(commands, "witness", run, text)
    parser.add_argument(
        "--listen",
        default=LISTEN,
        metavar="ADDR:PORT",
        help=f"where to listen (default {LISTEN}); port 0 picks a free one",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="F", help="PEM certificate chain")
    parser.add_argument("--tls-key", type=Path, metavar="F", help="its PEM private key")
    parser.add_argument(
        "--log-keys",
        type=Path,
        action="append",
        metavar="FILE",
        help="be a witness without an office, for the log with these keys (more than once: more)",
    )
    parser.add_argument(
        "--mirror-only", action="store_true", help="hand out the mirror only; no passphrase needed"
    )
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--new-key", metavar="NAME", help="make the key of a witness without an office, and end"
    )
    instead.add_argument(
        "--new-token", metavar="NAME", help="make a token for the mirror, print it, and end"
    )
    instead.add_argument("--remove-token", metavar="NAME", help="take a token away, and end")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop, or change keys or tokens."""
    folder = Folder.below(arguments.home)
    if arguments.new_key is not None:
        print(new_key(folder, arguments.new_key).to_text())
    elif arguments.new_token is not None:
        Home.open(arguments.home)
        print(Tokens(folder.tokens).add(arguments.new_token, random=os.urandom))
    elif arguments.remove_token is not None:
        Tokens(folder.tokens).remove(arguments.remove_token)
    else:
        from lakzegel_office.witness.service import serve  # noqa: PLC0415 - no other command serves

        serve(arguments, folder, partial(print, flush=True))
    return 0
