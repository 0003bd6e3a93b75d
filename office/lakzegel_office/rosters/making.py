# SPDX-License-Identifier: EUPL-1.2
"""A roster's key, its admissions and its table, made in one go and left whole or not at all.

OUT/roster.key      the one line for the profile of all these machines: secret
OUT/admissions      every admission, an entry bundle, for the receiver to publish
OUT/devices.csv     which machine is which device: for the office alone
"""

import csv
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.encoding import b64
from lakzegel_core.keys import SigningKey
from lakzegel_core.roster import RosterKey
from lakzegel_core.tiles import encode_entries
from lakzegel_office import durable
from lakzegel_office.errors import UsageError
from lakzegel_office.rosters.book import Machine
from lakzegel_office.rosters.table import Row

KEY: Final = "roster.key"
NOTES: Final = "admissions"
TABLE: Final = "devices.csv"
_HEAD: Final = ("serial", "device", "group", "custody", "person")


@dataclass(frozen=True, slots=True)
class Made:
    """A roster: its key, its machines, and each one's signed admission, in the same order."""

    key: RosterKey
    machines: tuple[Machine, ...]
    notes: tuple[bytes, ...]


def make(
    rows: Sequence[Row], origin: str, enrolment: SigningKey, *, times: int, expires: datetime
) -> Made:
    """Return the roster of these machines; each may come in so many times.

    Raises:
        UsageError: two machines would have one name, which does not happen twice.
    """
    key = RosterKey.make(origin, random=os.urandom(36))
    machines, notes = [], []
    for row in rows:
        derived = key.derive(row.serial)
        token = derived.token.verifier
        admission = Admission(origin, token, derived.device, row.group, times, expires, row.custody)
        note = sign_admission(admission, enrolment)
        notes.append(note)
        known = b64(hashlib.sha256(note).digest())
        machines.append(
            Machine(
                serial=row.serial,
                device=derived.device,
                group=row.group,
                custody=row.custody,
                person=row.person,
                token=token.to_text(),
                admission=known,
            )
        )
    if len({one.device for one in machines}) < len(machines):
        raise UsageError("roster: two machines would have one name; run this again")
    return Made(key, tuple(machines), tuple(notes))


def write(made: Made, out: Path) -> None:
    """Leave the folder, for its owner alone, whole or not at all.

    Raises:
        UsageError: something is there already.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out}: exists; a roster is made once")
    files = {
        KEY: made.key.to_text().encode() + b"\n",
        NOTES: encode_entries(made.notes),
        TABLE: _table(made.machines).encode(),
    }
    durable.make_folder(out.absolute().parent)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.absolute().parent))
    try:
        _fill(work, files)
        durable.settle_tree(work, out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        durable.write_new(folder / name, data)


def _table(machines: Sequence[Machine]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEAD)
    for one in machines:
        writer.writerow([_plain(str(getattr(one, name))) for name in _HEAD])
    return text.getvalue()


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
