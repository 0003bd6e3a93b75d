# SPDX-License-Identifier: EUPL-1.2
"""Which waiting entries can be committed together (docs/spec/storage.md §2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from lakzegel_core.batch import Header
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import CheckedEntry
from lakzegel_core.errors import LakzegelError, ReplayError
from lakzegel_server.errors import DamageError

Outcome = int | Exception  # an entry's index, or why it was refused
Waiting = tuple[int, bytes]  # the entry's place among those that wait, and the entry
Group = dict[bytes, tuple[CheckedEntry, list[int]]]  # by id: the entry, and its places


def choose(
    custody: Custody,
    index_of: Callable[[bytes], int | None],
    waiting: Sequence[Waiting],
    outcomes: dict[int, Outcome],
) -> tuple[Group, list[Waiting]]:
    """Entries that do not depend on each other, and those that must wait for them.

    Batches of different devices are independent; everything else goes one by one. What is in the
    log already, and what is refused whatever comes first, gets its outcome.
    """
    taken: Group = {}
    devices: set[str] = set()
    later = []
    for place, data in waiting:
        entry_id = hashlib.sha256(data).digest()
        known = index_of(entry_id)
        if known is not None:
            outcomes[place] = known
        elif entry_id in taken:
            taken[entry_id][1].append(place)
        elif (taken and not devices) or not _fits(custody, (place, data), taken, devices, outcomes):
            later.append((place, data))
    return taken, later


def _fits(
    custody: Custody,
    waiting: Waiting,
    taken: Group,
    devices: set[str],
    outcomes: dict[int, Outcome],
) -> bool:
    """Take or refuse an entry now; False when what was taken may change the answer."""
    place, data = waiting
    try:
        checked = custody.check(data)
    except LakzegelError as refusal:
        if isinstance(refusal, ReplayError) and _is_in(custody, hashlib.sha256(data).digest()):
            outcomes[place] = DamageError("index.sqlite: an entry of the log is missing from it")
            return True
        if taken:
            return False
        outcomes[place] = refusal
        return True
    header = checked.entry if isinstance(checked.entry, Header) else None
    if taken and (header is None or header.device in devices):
        return False
    if header is not None:
        devices.add(header.device)
    taken[checked.id] = (checked, [place])
    return True


def _is_in(custody: Custody, entry_id: bytes) -> bool:
    """Whether the log has this very entry, which the index then lacks; not one that is older."""
    heads = (device.newest_id for device in custody.devices.values())
    return entry_id in custody.admissions or entry_id in heads
