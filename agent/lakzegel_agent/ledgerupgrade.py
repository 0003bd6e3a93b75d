# SPDX-License-Identifier: EUPL-1.2
"""Brings a ledger of an earlier format to this version's, on a copy (docs/spec/updates.md §3).

    ledger.sqlite -> ledger.sqlite.next (copy, steps, check) -> one rename

A release writes only what the release before it reads, so that the road back by one stays open.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.errors import LedgerDamagedError
from lakzegel_agent.ledgerschema import FORMAT, format_of, transaction, translated
from lakzegel_agent.platforms import system

Step = Callable[[sqlite3.Connection], None]
STEPS: Final[dict[int, Step]] = {}  # by the format that a step leads away from
_WAIT: Final = 30.0  # seconds for another process that reads


def upgrade(path: Path, *, steps: Mapping[int, Step] = STEPS, to: int = FORMAT) -> bool:
    """Whether the ledger was of an earlier format; after a crash it is the old one or the new.

    Raises:
        NewerLedgerError: of a later version; nothing was changed.
        LedgerDamagedError: it cannot be read, or does not come out whole.
        UnwritableError: no room for a copy, or a disk that fails; the old one is as it was.
    """
    if not path.exists():
        return False
    following = path.with_name(path.name + ".next")
    try:
        if not rehearse(path, following, steps=steps, to=to):
            return False
        durable.sync_file(following)
        system.replace(following, path)
        durable.sync_folder(path.parent)
    finally:
        _remove(following)
    return True


def rehearse(
    path: Path, copy: Path, *, steps: Mapping[int, Step] = STEPS, to: int = FORMAT
) -> bool:
    """Whether the ledger is of an earlier format; ``copy`` is then what it would become.

    Raises: as ``upgrade`` does.
    """
    with translated(path), closing(sqlite3.connect(path, timeout=_WAIT)) as old:
        found = format_of(old, path)
        if found in (0, to):
            return False
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        _remove(copy)
        os.close(system.open_to_write(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        with closing(sqlite3.connect(copy, isolation_level=None)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, so that one rename does
            with transaction(new, copy):
                for number in range(found, to):
                    steps[number](new)
                new.execute(f"PRAGMA user_version = {to}")
            (whole,) = new.execute("PRAGMA quick_check(1)").fetchone()
            if whole != "ok":
                raise LedgerDamagedError(f"{path}: does not come out whole in format {to}")
    return True


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-journal", f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
