# SPDX-License-Identifier: EUPL-1.2
"""`migrate`: from files of one machine to a database, an S3 store, or both."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from lakzegel_core.encoding import b64
from lakzegel_server.commands.common import FINE, Commands, command
from lakzegel_server.commands.placed import destined
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_origin
from lakzegel_server.migrating.migrating import Migrated, migrate
from lakzegel_server.settings import load

QUIET: Final = 1.0  # seconds between two lines of progress
TEXT: Final = (
    "move the log, its index, objects and keyrings from DIR to where --database, --objects and"
    " --keyrings say, and read everything back; the log stays the same byte for byte"
)
AFTERWARDS: Final = """\
The same log is served from there now. Name the places in [stores] of DIR/settings.toml, start
'serve', and run 'check'. What lay in DIR is in DIR/moved, but for keyrings, which are gone from
here; remove it when a backup of the new places is made. Cut off at any moment, 'migrate' is run
again and goes on. Nothing may serve DIR meanwhile.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "migrate", run, TEXT)
    parser.epilog = AFTERWARDS
    parser.add_argument("--json", action="store_true", help="print the result for a program")


def run(arguments: argparse.Namespace) -> int:
    """Move everything, or go on with that."""
    source = Layout(arguments.data)
    origin = load_origin(source)
    with destined(arguments, load(source)) as target:
        made = migrate(source, target, _teller(time.monotonic))
        if arguments.json:
            print(json.dumps(_as_json(origin, made), indent=2, sort_keys=True))
        else:
            print(
                f"{origin}: {made.size} entries of the log, {made.rows} rows,"
                f" {made.objects} objects, {made.keyrings} keyrings, {made.documents} documents,"
                f" {made.tiles} tiles: all read back and the same; in {target.database}"
            )
    return FINE


def _teller(now: Callable[[], float]) -> Callable[[str, int], None]:
    """Progress on standard error, now and then."""
    said = now()

    def tell(what: str, count: int) -> None:
        nonlocal said
        if now() - said >= QUIET:
            said = now()
            print(f"lakzegel-server: {what}: {count}", file=sys.stderr, flush=True)

    return tell


def _as_json(origin: str, made: Migrated) -> dict[str, object]:
    return {
        "origin": origin,
        "size": made.size,
        "root": b64(made.root),
        "rows": made.rows,
        "objects": made.objects,
        "keyrings": made.keyrings,
        "documents": made.documents,
        "tiles": made.tiles,
    }
