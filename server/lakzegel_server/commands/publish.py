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
from lakzegel_server.counter import Answer, hand_over
from lakzegel_server.database import Database
from lakzegel_server.errors import BusyError, ConfigError, MisplacedError
from lakzegel_server.layout import Layout, load_origin, load_signer
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailrows
from lakzegel_server.people.operator import operator
from lakzegel_server.people.records import Action, Event
from lakzegel_server.recovery.once import require_index, require_newest
from lakzegel_server.sealable import note_kind, require_enrolment_seen
from lakzegel_server.settings import Settings, load


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "publish", run, "put a signed note into the log")
    parser.add_argument("note", type=Path, metavar="NOTE", help="a file with the note")


def run(arguments: argparse.Namespace) -> int:
    """Publish, print kind and index; 1 when the log refuses it."""
    layout = Layout(arguments.data)
    load_origin(layout)
    settings = load(layout)
    data = _read(arguments.note)
    require_index(layout, settings)
    try:
        kind = note_kind(data)
        answer = hand_over(layout, data) or _append(layout, settings, data, kind)
    except (LakzegelError, MisplacedError) as refusal:
        answer = Answer(None, refusal.code, str(refusal), refused=True)
        return _refuse(arguments.note, answer)
    event = Event(operator(), Action.PUBLISH, kind, id=hashlib.sha256(data).hexdigest())
    _tell(layout, event if answer.index is not None else event.refused(answer.code))
    if answer.index is None:
        return _refuse(arguments.note, answer)
    print(f"{kind} {answer.index}")
    return FINE


def _append(layout: Layout, settings: Settings, data: bytes, kind: str) -> Answer:
    """What becomes of a note where no receiver runs; whether this log is the newest is asked.

    Raises:
        ReadOnlyError: it may not be.
    """
    signer = load_signer(layout, token=opener(settings))
    log = LogState.open(layout, signer, clock=wall_clock)
    try:
        if kind == enrolment.KIND:
            require_enrolment_seen(log, data)
        require_newest(layout, log, settings)
        outcome = log.append([data])[0]
    finally:
        log.close()
    if isinstance(outcome, Exception):
        code = getattr(outcome, "code", "internal")
        return Answer(None, code, str(outcome), refused=isinstance(outcome, LakzegelError))
    return Answer(outcome)


def _refuse(note: Path, answer: Answer) -> int:
    """Say why; a note that is right may be taken at another moment.

    Raises:
        BusyError: it was not the note.
    """
    if not answer.refused:
        raise BusyError(answer.detail)
    line = f"{note}: refused ({answer.code}): {answer.detail}"
    print(f"lakzegel-server: {line}", file=sys.stderr)
    return REFUSED


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
