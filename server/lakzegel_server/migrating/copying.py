# SPDX-License-Identifier: EUPL-1.2
"""Objects, keyrings and documents of one receiver into other stores (docs/spec/stores.md §10).

What is there already, with the right length, is not sent again; afterwards every byte is read back.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from lakzegel_server.errors import DamageError
from lakzegel_server.housekeeping import is_id
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Documents, Keeping

AT_ONCE: Final = 8  # on their way: what is far away is waited for, not worked for
WAVE: Final = 64  # names that are looked at before the next ones are asked for
BLOCK: Final = 2**20
MAX_DOCUMENT: Final = 2**20
OBJECTS: Final = (names.BATCHES, names.ANNEXES, names.TRAIL, names.TIMESTAMPS)
KEPT: Final = (names.HELD, names.AHEAD, names.RESTORED)  # and evidence, and the checkpoint
Tell = Callable[[str, int], None]
IsSealed = Callable[[bytes], bool]


class Copying:
    """From one store to another; ``root`` is the folder in which the first one's files lie."""

    def __init__(self, root: Path, work: Path, tell: Tell) -> None:
        self._root = root
        self._work = work
        self._tell = tell

    def copy(self, found: Iterable[str], source: Keeping, target: Keeping) -> int:
        """How many of these names had to be sent; all are there, durably.

        Raises:
            OSError: one cannot be read, or written.
            ClashError: another store has other bytes under a name.
        """
        return self._each(found, lambda name: self._send(name, source, target))

    def compare(self, found: Iterable[str], source: Keeping, target: Keeping) -> int:
        """How many of these names give the same bytes in both: all of them.

        Raises:
            DamageError: the first that does not.
            OSError: one cannot be read.
        """
        return self._each(found, lambda name: _same(name, source, target))

    def _each(self, found: Iterable[str], work: Callable[[str], bool]) -> int:
        """How many of them it was true of; a few at a time, and the first failure ends it."""
        count, done, rest = 0, 0, iter(found)
        with ThreadPoolExecutor(AT_ONCE) as threads:
            while wave := list(islice(rest, WAVE)):
                count += sum(threads.map(work, wave))
                done += len(wave)
                self._tell(wave[-1].partition("/")[0], done)
        return count

    def _send(self, name: str, source: Keeping, target: Keeping) -> bool:
        if source.size(name) == target.size(name):
            return False
        part = self._work / f"{secrets.token_hex(16)}.migrated"
        try:
            try:
                os.link(self._root / name, part)  # a store takes the file away that it was given
            except OSError:
                shutil.copyfile(self._root / name, part)
            target.settle([(part, name)])
        finally:
            part.unlink(missing_ok=True)
        return True


def sealed_only(found: Iterable[str], is_sealed: IsSealed) -> Iterator[str]:
    """Those of these names that are of a batch in the log.

    What a sender never got a receipt for is sent again; a locked store would keep it for years.
    """
    for name in found:
        one = name.partition("/")[2].partition(".")[0]
        if is_id(one) and is_sealed(bytes.fromhex(one)):
            yield name


def copy_documents(source: Documents, target: Documents) -> int:
    """How many there are; the checkpoint, which says that there is a log, comes last of them."""
    found = [name for name in KEPT if source.exists(name)]
    found += sorted(source.names(names.EVIDENCE))
    found += [names.CHECKPOINT] if source.exists(names.CHECKPOINT) else []
    for name in found:
        data = source.read(name, MAX_DOCUMENT)
        target.replace(name, data)
        if target.read(name, MAX_DOCUMENT) != data:
            raise DamageError(f"{name}: the other index does not give what it was given")
    return len(found)


def _same(name: str, source: Keeping, target: Keeping) -> bool:
    if _digest(name, source) != _digest(name, target):
        raise DamageError(f"{name}: is not the same in the other store; run 'migrate' again")
    return True


def _digest(name: str, store: Keeping) -> bytes:
    hashed = hashlib.sha256()
    with store.open(name) as reading:
        while block := reading.read(BLOCK):
            hashed.update(block)
    return hashed.digest()
