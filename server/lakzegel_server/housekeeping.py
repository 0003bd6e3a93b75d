# SPDX-License-Identifier: EUPL-1.2
"""What a start does about files that a crash left half-way (docs/spec/storage.md §5)."""

from __future__ import annotations

import hashlib

from lakzegel_core.errors import LakzegelError
from lakzegel_core.held import Held, open_held
from lakzegel_core.limits import MAX_ANNEX, MAX_NOTE
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.register import Register
from lakzegel_server.stores import names


def sweep_unfinished(layout: Layout) -> int:
    """Take away uploads that a crash cut off; how many files."""
    count = 0
    for path in layout.incoming.iterdir():
        path.unlink()
        count += 1
    return count


def adopt(layout: Layout, log: LogState, register: Register) -> None:
    """Remember annexes and a held statement that were stored a moment before a crash."""
    objects, known = layout.stores.objects, register.annexes()
    for place in objects.names(names.ANNEXES):
        name = place.removeprefix(names.ANNEXES)
        if not is_id(name) or name in known:
            continue
        if hashlib.sha256(objects.read(place, MAX_ANNEX)).hexdigest() == name:
            register.keep_annex(name)
    found = read_held(layout, log)
    if found is not None and found[0].size > register.held_size():
        register.keep_held(found[0].size, hashlib.sha256(found[1]).digest())


def read_held(layout: Layout, log: LogState) -> tuple[Held, bytes] | None:
    """The held statement that is stored, when the office signed it; and its bytes."""
    try:
        data = layout.stores.documents.read(names.HELD, MAX_NOTE)
        with log.reading() as (custody, _):
            return open_held(data, custody.require_delegation().held), data
    except (FileNotFoundError, LakzegelError):
        return None


def is_id(name: str) -> bool:
    """Whether a name is the lower-case hexadecimal of a SHA-256."""
    return len(name) == 64 and set(name) <= set("0123456789abcdef")  # noqa: PLR2004 - 32 bytes
