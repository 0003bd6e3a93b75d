# SPDX-License-Identifier: EUPL-1.2
"""`publish`: puts what others signed into the log, also while `serve` runs."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from lakzegel_core import enrolment
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_NOTE
from lakzegel_server.commands.common import FINE, REFUSED, Commands, command, wall_clock
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError, MisplacedError
from lakzegel_server.layout import Layout, load_signer
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailrows
from lakzegel_server.people.operator import operator
from lakzegel_server.people.records import Action, Event
from lakzegel_server.recovery.once import require_index, require_newest
from lakzegel_server.sealable import note_kind, require_enrolment_seen
from lakzegel_server.settings import load


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "publish", run, "put a signed note into the log")
    parser.add_argument("note", type=Path, metavar="NOTE", help="a file with the note")


def run(arguments: argparse.Namespace) -> int:
    """Publish, print kind and index; 1 when the log refuses it."""
    layout = Layout(arguments.data)
    settings = load(layout)
    signer = load_signer(layout, token=opener(settings))
    data = _read(arguments.note)
    require_index(layout, settings)
    log = LogState.open(layout, signer, clock=wall_clock)
    try:
        kind = note_kind(data)
        if kind == enrolment.KIND:
            require_enrolment_seen(log, data)
        require_newest(layout, log, settings)
        outcome = log.append([data])[0]
        event = Event(operator(), Action.PUBLISH, kind, id=hashlib.sha256(data).hexdigest())
        if isinstance(outcome, Exception):
            _tell(layout, event.refused(getattr(outcome, "code", "internal")))
            raise outcome
        _tell(layout, event)
    except (LakzegelError, MisplacedError) as refusal:
        line = f"{arguments.note}: refused ({refusal.code}): {refusal}"
        print(f"lakzegel-server: {line}", file=sys.stderr)
        return REFUSED
    finally:
        log.close()
    print(f"{kind} {outcome}")
    return FINE


def _tell(layout: Layout, event: Event) -> None:
    """Record it; a running `serve`, or the next, has it sealed."""
    database = Database.open(layout.database)
    try:
        trailrows.append(database, [event], now=wall_clock())
    finally:
        database.close()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_NOTE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; give a file with a note") from None
