# SPDX-License-Identifier: EUPL-1.2
"""`witness` at work: which routes, of which parties, at which address."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable

from starlette.routing import Route

from lakzegel_office.commands.common import unlock
from lakzegel_office.config import read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror
from lakzegel_office.witness import listening
from lakzegel_office.witness.app import MirrorRoutes, build
from lakzegel_office.witness.cosigning import Witness
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import mirrored_root, office_state, read_key, read_logs
from lakzegel_office.witness.route import cosigning_route
from lakzegel_office.witness.state import State
from lakzegel_office.witness.tokens import Tokens


def serve(arguments: argparse.Namespace, folder: Folder, tell: Callable[[str], None]) -> None:
    """Answer until told to stop; ``tell`` is given name and address once that begins."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    endpoint = listening.Endpoint.parse(
        arguments.listen, cert=arguments.tls_cert, key=arguments.tls_key
    )
    name, routes = _alone(arguments, folder) if arguments.log_keys else _office(arguments, folder)
    with endpoint.bind() as bound:
        url = endpoint.url(bound)
        listening.run(build(routes), endpoint, bound, lambda: tell(f"{name} at {url}"))


def _office(arguments: argparse.Namespace, folder: Folder) -> tuple[str, list[Route]]:
    """Return what an office's server is called, and its routes."""
    home = Home.open(arguments.home)
    config = read_config(home.config)
    mirror = Mirror(home.mirror)
    routes = MirrorRoutes(mirror, Tokens(folder.tokens), config.origin).routes()
    if arguments.mirror_only:
        return config.origin, routes
    key = unlock(arguments).vault.signer("witness", config.keys["witness"])
    witness = Witness(key, office_state(home, config), clock=time.time)
    return witness.name, [cosigning_route(witness, mirrored_root(mirror)), *routes]


def _alone(arguments: argparse.Namespace, folder: Folder) -> tuple[str, list[Route]]:
    """Return what a witness without an office is called, and its only route."""
    if Home(arguments.home).config.exists():
        raise UsageError(f"{arguments.home}: an office is here; it needs no --log-keys")
    state = State(folder, read_logs(arguments.log_keys))
    witness = Witness(read_key(folder), state, clock=time.time)
    return witness.name, [cosigning_route(witness)]
