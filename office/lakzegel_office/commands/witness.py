# SPDX-License-Identifier: EUPL-1.2
"""`witness`: hand the mirror out over HTTP."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Final

from lakzegel_office.commands.common import Commands, command
from lakzegel_office.config import read_config
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror
from lakzegel_office.witness import listening
from lakzegel_office.witness.app import MirrorRoutes, build
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.tokens import Tokens

LISTEN: Final = "127.0.0.1:8441"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "witness", run, "answer over HTTP: hand out the mirror")
    parser.add_argument(
        "--listen",
        default=LISTEN,
        metavar="ADDR:PORT",
        help=f"where to listen (default {LISTEN}); port 0 picks a free one",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="F", help="PEM certificate chain")
    parser.add_argument("--tls-key", type=Path, metavar="F", help="its PEM private key")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--new-token", metavar="NAME", help="make a token for the mirror, print it, and end"
    )
    instead.add_argument("--remove-token", metavar="NAME", help="take a token away, and end")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop, or change the tokens."""
    home = Home.open(arguments.home)
    tokens = Tokens(Folder.below(home.root).tokens)
    if arguments.new_token is not None:
        print(tokens.add(arguments.new_token, random=os.urandom))
        return 0
    if arguments.remove_token is not None:
        tokens.remove(arguments.remove_token)
        return 0
    _log_to_stderr()
    origin = read_config(home.config).origin
    endpoint = listening.Endpoint.parse(
        arguments.listen, cert=arguments.tls_cert, key=arguments.tls_key
    )
    app = build(MirrorRoutes(Mirror(home.mirror), tokens, origin).routes())
    with endpoint.bind() as bound:
        url = endpoint.url(bound)
        listening.run(app, endpoint, bound, lambda: print(f"{origin} at {url}", flush=True))
    return 0


def _log_to_stderr() -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
