# SPDX-License-Identifier: EUPL-1.2
"""What lies beside the mirror and has to outlive a fault too; docs/spec/mirror.md §6.

Without a key: each journal's chain, and that the log is not older than what this office's witness
cosigned. With the office's keys: every line of each journal, and every key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lakzegel_office.commands.common import Office
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.holding import read_held
from lakzegel_office.home import Home
from lakzegel_office.journal import Journal
from lakzegel_office.keptnotes import check_notes
from lakzegel_office.mirror import Mirror
from lakzegel_office.regular import open_regular
from lakzegel_office.replay import Replay
from lakzegel_office.verification import Verification
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.parties import office_state

_NO_KEY: Final = bytes(32)  # a chain is proven without one
_SUFFIX: Final = ".jsonl"


def check_beside(home: Home, config: Config, found: Verification) -> Iterator[Doubt]:
    """Yield what is wrong beside the mirror, as far as it shows without a key."""
    for path in _records(home):
        name = f"records/{path.name}"
        if path.suffix != _SUFFIX:
            yield Doubt(name, "not a journal", "unexpected")
            continue
        try:
            Journal(path, _NO_KEY).head()
        except (DoubtError, OSError) as error:
            yield Doubt(name, _after(path, error), "journal")
    if found.signed is not None and found.replay is not None:
        yield from _check_witness(home, config, found, found.replay)
        yield from check_notes(home, config, found.replay)


def check_past(home: Home, config: Config, found: Verification) -> Iterator[Doubt]:
    """Yield what the office's witness knows otherwise; the rest is for a whole verify."""
    if found.signed is not None and found.replay is not None:
        yield from _check_witness(home, config, found, found.replay)


def torn(home: Home) -> Iterator[str]:
    """Yield which journals end in what no entry ended: a crash, or somebody, cut it off."""
    for path in _records(home):
        with suppress(OSError, DoubtError), open_regular(path) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    yield f"records/{path.name}: its end is no entry, and goes with the next one"


def check_unlocked(office: Office) -> Iterator[Doubt]:
    """Yield what is wrong with what only the office's keys open."""
    if office.staff is None:
        yield from _check_keys(office)
    for path in _records(office.home):
        try:
            for _ in Journal(path, office.journal_key).read():
                pass
        except (DoubtError, OSError) as error:
            yield Doubt(f"records/{path.name}", _after(path, error), "journal")


def check_newest(home: Home, config: Config, replay: Replay) -> Iterator[Doubt]:
    """Yield that the held statement is of less than the mirror, of which nothing is doubtful."""
    held = read_held(Mirror(home.mirror), config)
    if held is not None and held.size < replay.size:
        what = f"states {held.size} entries, and {replay.size} are held; an older one, or run pull"
        yield Doubt("mirror/held", what, "set-back")


def _records(home: Home) -> list[Path]:
    return sorted(home.records.iterdir()) if home.records.is_dir() else []


def _check_keys(office: Office) -> Iterator[Doubt]:
    for name in office.vault.names():
        try:
            if name in office.config.keys:
                office.vault.signer(name, office.config.keys[name])
            else:
                office.vault.load(name)
        except (UsageError, DoubtError) as error:
            yield Doubt(f"keys/{name}.age", str(error), "key")


def _check_witness(
    home: Home, config: Config, found: Verification, replay: Replay
) -> Iterator[Doubt]:
    """Yield that the witness remembers another tree, or less than it signed in the mirror."""
    witness = config.keys["witness"]
    signed = [line for line in found.cosigned if line.key == witness]
    path = Folder.below(home.root).log(config.origin)
    name = path.relative_to(home.root).as_posix()
    try:
        kept = office_state(home, config).cosigned(config.origin)
    except DoubtError as error:
        yield Doubt(name, _after(path, error), "witness")
        return
    size = kept.checkpoint.size if kept is not None else 0
    if kept is not None and size <= replay.size and kept.checkpoint.root != replay.root(size):
        yield Doubt(name, f"cosigned another tree of {size} entries: a fork", "fork")
    elif signed and size < replay.size:
        what = f"remembers a tree of {size} entries, and cosigned one of {replay.size}"
        yield Doubt(name, what, "set-back")


def _after(path: Path, error: Exception) -> str:
    """Return what an error says, without the path that it begins with."""
    return str(error).removeprefix(f"{path}: ")
