# SPDX-License-Identifier: EUPL-1.2
"""`publish`: puts what others signed into the log, also while `serve` runs.

A file holds one note, or an entry bundle: many, each after its length in 16 bits (C2SP tlog-tiles),
as `lakzegel-office admit --csv` makes one. Notes are taken in order up to one that is refused; the
same file again goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_core import enrolment, fields
from lakzegel_core.errors import LakzegelError, LimitError
from lakzegel_core.limits import MAX_NOTE
from lakzegel_core.tiles import decode_entries
from lakzegel_server.commands.common import FINE, REFUSED, Commands, command, wall_clock
from lakzegel_server.commands.placed import layout_of, stored
from lakzegel_server.counter import Answer, hand_over
from lakzegel_server.database import Database
from lakzegel_server.errors import BusyError, ConfigError, MisplacedError
from lakzegel_server.layout import Layout
from lakzegel_server.logkey.opening import opener
from lakzegel_server.logsigner import load_origin, load_signer
from lakzegel_server.logstate import LogState
from lakzegel_server.people import trailrows
from lakzegel_server.people.operator import operator
from lakzegel_server.people.records import Action, Event
from lakzegel_server.recovery.once import require_index, require_newest
from lakzegel_server.sealable import note_kind, require_enrolment_seen
from lakzegel_server.settings import Settings, load

MAX_BUNDLED: Final = 20_000  # notes of one file
MAX_FILE: Final = 32 << 20  # bytes of one
GROUP: Final = 256  # notes that are shown by one checkpoint where no receiver runs


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "publish", run, "put a signed note, or many, into the log")
    parser.add_argument("note", type=Path, metavar="NOTE", help="a file with a note, or a bundle")


def run(arguments: argparse.Namespace) -> int:
    """Publish, print kind and index; 1 when the log refuses it."""
    layout = layout_of(arguments)
    load_origin(layout)
    settings = load(layout)
    require_index(layout, settings)
    try:
        notes = _notes(_read(arguments.note))
        kinds = [note_kind(data) for data in notes]
    except (LakzegelError, MisplacedError) as refusal:
        answer = Answer(None, refusal.code, str(refusal), refused=True)
        return _refuse(arguments.note, answer)
    answers: list[Answer] = []
    try:
        with stored(arguments, settings, layout) as whole:
            _publish(whole, settings, notes, kinds, answers)
    finally:  # whatever came after them, these are in the log
        _tell(layout, list(map(_event, notes, kinds, answers)))
    last = answers[-1]
    if last.index is None:
        if len(notes) > 1:
            say = f"{arguments.note}: {len(answers) - 1} of {len(notes)} notes are in the log"
            print(f"lakzegel-server: {say}", file=sys.stderr)
        return _refuse(arguments.note, last)
    if len(notes) == 1:
        print(f"{kinds[0]} {last.index}")
    else:
        print(f"{len(notes)} notes, {answers[0].index} to {last.index}")
    return FINE


def _notes(data: bytes) -> list[bytes]:
    """The notes of a file.

    Raises:
        LimitError, FormatError: it is neither a note nor a bundle of them.
    """
    if data.startswith(fields.PREFIX.encode()) or not data:
        return [data[: MAX_NOTE + 1]]
    found = decode_entries(data, width=None)
    if len(found) > MAX_BUNDLED:
        raise LimitError("entry bundle", f"{len(found)} notes, at most {MAX_BUNDLED}")
    return found


def _publish(
    layout: Layout,
    settings: Settings,
    notes: Sequence[bytes],
    kinds: Sequence[str],
    answers: list[Answer],
) -> None:
    """Add what became of each note to the answers, up to the first that is refused."""
    for number, data in enumerate(notes):
        try:
            answer = hand_over(layout, data)
            if answer is None:
                answers += _append(layout, settings, notes[number:], kinds[number:])
                return
        except (LakzegelError, MisplacedError) as refusal:
            answer = Answer(None, refusal.code, str(refusal), refused=True)
        answers.append(answer)
        if answer.index is None:
            return


def _append(
    layout: Layout, settings: Settings, notes: Sequence[bytes], kinds: Sequence[str]
) -> list[Answer]:
    """What becomes of notes where no receiver runs; whether this log is the newest is asked.

    Raises:
        ReadOnlyError: it may not be.
    """
    signer = load_signer(layout, token=opener(settings))
    log = LogState.open(layout, signer, clock=wall_clock)
    answers: list[Answer] = []
    try:
        require_newest(layout, log, settings)
        for first in range(0, len(notes), GROUP):
            group = notes[first : first + GROUP]
            try:
                for data, kind in zip(group, kinds[first:], strict=False):
                    if kind == enrolment.KIND:
                        require_enrolment_seen(log, data)
            except LakzegelError as refusal:
                return [*answers, Answer(None, refusal.code, str(refusal), refused=True)]
            answers += map(_answer, log.append(group))
            refused = [place for place, one in enumerate(answers) if one.index is None]
            if refused:
                return answers[: refused[0] + 1]
    finally:
        log.close()
    return answers


def _answer(outcome: int | Exception) -> Answer:
    if isinstance(outcome, Exception):
        code = getattr(outcome, "code", "internal")
        return Answer(None, code, str(outcome), refused=isinstance(outcome, LakzegelError))
    return Answer(outcome)


def _event(data: bytes, kind: str, answer: Answer) -> Event:
    event = Event(operator(), Action.PUBLISH, kind, id=hashlib.sha256(data).hexdigest())
    return event if answer.index is not None else event.refused(answer.code)


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


def _tell(layout: Layout, events: list[Event]) -> None:
    """Record them; a running `serve`, or the next, has it sealed."""
    database = Database.open(layout.database)
    try:
        trailrows.append(database, events, now=wall_clock())
    finally:
        database.close()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; give a file with a note") from None
