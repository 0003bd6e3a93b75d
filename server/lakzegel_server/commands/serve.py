# SPDX-License-Identifier: EUPL-1.2
"""`serve`: answers agents and the records office."""

from __future__ import annotations

import argparse
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Final

from lakzegel_server import memory, serving
from lakzegel_server.alerting.observed import observe, own_causes
from lakzegel_server.commands.common import FINE, Commands, command, wall_clock
from lakzegel_server.commands.placed import placed, stored
from lakzegel_server.desk import open_desk
from lakzegel_server.durable import replace_file
from lakzegel_server.layout import Layout
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logsigner import LogSigner, load_signer
from lakzegel_server.manager import inherited_socket
from lakzegel_server.recovery.once import require_index
from lakzegel_server.settings import Settings, load
from lakzegel_server.web.app import build

LISTEN: Final = "127.0.0.1:8440"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "serve", run, "receive, seal and hand out")
    parser.add_argument(
        "--listen",
        default=LISTEN,
        metavar="ADDR:PORT",
        help=f"where to listen (default {LISTEN}); port 0 picks a free one; see DIR/listening;"
        " a socket that the service manager hands over is used instead",
    )
    parser.add_argument("--tls-cert", type=Path, metavar="F", help="PEM certificate chain")
    parser.add_argument("--tls-key", type=Path, metavar="F", help="its PEM private key")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # a line a bad request fills a disk
    settings = load(Layout(arguments.data))
    layout = placed(arguments, settings)
    signer = load_signer(layout, token=opener(settings))
    require_index(layout, settings)
    endpoint = _endpoint(arguments)
    endpoint.check_certificate()
    with stored(arguments, settings, layout) as whole:
        _serve(whole, signer, settings, endpoint)
    return FINE


def _serve(
    layout: Layout, signer: LogSigner, settings: Settings, endpoint: serving.Endpoint
) -> None:
    opened = open_desk(
        layout, signer, clock=wall_clock, settings=settings, certificate=endpoint.served
    )
    with opened as desk, endpoint.bind() as bound:
        url = endpoint.url(bound)

        def ready() -> None:
            replace_file(layout.listening, f"{url}\n".encode(), work=layout.incoming)
            print(f"{desk.log.origin} at {url}", flush=True)

        desk.alerts.begin(desk.chores, partial(observe, desk))
        if desk.receivers is not None:
            desk.receivers.begin(desk.chores, partial(own_causes, desk, wall_clock))
        memory.begin()
        try:
            serving.run(build(desk), endpoint, bound, ready)
        finally:
            layout.listening.unlink(missing_ok=True)


def _endpoint(arguments: argparse.Namespace) -> serving.Endpoint:
    """The socket that was handed over, else the address that was given."""
    cert, key = arguments.tls_cert, arguments.tls_key
    held = inherited_socket()
    if held is not None:
        return serving.Endpoint.inherited(held, cert=cert, key=key)
    return serving.Endpoint.parse(arguments.listen, cert=cert, key=key)
