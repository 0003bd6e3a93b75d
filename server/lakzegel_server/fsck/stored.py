# SPDX-License-Identifier: EUPL-1.2
"""What the log's entries name: batches, keyrings, annexes; and the held statement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from lakzegel_core import entries
from lakzegel_core.batch import BatchStream, Header, batch_id, peek_header
from lakzegel_core.custody import Custody
from lakzegel_core.errors import DigestMismatchError, LakzegelError
from lakzegel_core.held import open_held
from lakzegel_core.limits import MAX_ANNEX, MAX_KEYRING, MAX_NOTE
from lakzegel_server.errors import DamageError
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.log import Replayed
from lakzegel_server.fsck.rows import Rows
from lakzegel_server.logstore import LogStore

BLOCK: Final = 2**20  # bytes read at a time


Headers = Iterable[tuple[int, bytes, Header]]  # index and id of each


def check_batches(found: Survey, headers: Headers, custody: Custody, since: int) -> None:
    """Every batch of the log is there, with its keyring; from entry ``since`` they are read."""
    for index, entry_id, header in headers:
        place = f"batches/{entry_id.hex()}.batch"
        if found.claim(place) and index >= since:
            _check_batch(found, place, entry_id, header)
        changed = (header.device, header.epoch, header.batch) in custody.keyrings
        if index >= since or changed:
            _check_keyring(found, entry_id, header, custody)
        else:
            found.claim(f"keyrings/{entry_id.hex()}.keyring")


def headers_of(store: LogStore, start: int, size: int) -> Headers:
    """The batches among these entries, read once more: all at once they would fill memory."""
    with suppress(DamageError):  # it was named when the log was checked
        for index, data in enumerate(store.entries(start, size), start):
            if entries.kind_of(data) == entries.BATCH:
                yield index, hashlib.sha256(data).digest(), peek_header(data)


def _check_batch(found: Survey, place: str, entry_id: bytes, header: Header) -> None:
    def same(note: bytes) -> Header:
        if batch_id(note) != entry_id:
            raise DigestMismatchError("its header is not the log's")
        return header

    stream = BatchStream(same, keyring=False)
    try:
        with found.open(place) as file:
            while block := file.read(BLOCK):
                stream.feed(block)
        stream.finish()
    except LakzegelError as error:
        found.doubt(place, str(error))
    except OSError as error:
        found.doubt(place, error.strerror or "cannot be read")


def _check_keyring(found: Survey, entry_id: bytes, header: Header, custody: Custody) -> None:
    change = custody.keyrings.get((header.device, header.epoch, header.batch))
    wanted = change[1] if change else header.keyring
    place = f"keyrings/{entry_id.hex()}.keyring"
    data = found.read(place, MAX_KEYRING)
    if data is not None and hashlib.sha256(data).digest() != wanted:
        found.doubt(place, "is not the keyring that the log names")


def check_annexes(found: Survey, rows: Rows) -> None:
    """Every annex that was stored is there, under its digest."""
    for name in sorted(rows.annexes):
        place = f"annexes/{name}"
        data = found.read(place, MAX_ANNEX)
        if data is not None and hashlib.sha256(data).hexdigest() != name:
            found.doubt(place, "its SHA-256 is not its name")


def check_held(found: Survey, rows: Rows, custody: Custody, replayed: Replayed) -> None:
    """The statement that is remembered, or a newer one that a crash kept from being so."""
    if rows.held is None and "held" not in found.files:
        return
    data = found.read("held", MAX_NOTE)
    if data is None or (custody.delegation is None and not replayed.whole):
        return
    try:
        held = open_held(data, custody.require_delegation().held)
    except LakzegelError as error:
        found.doubt("held", str(error))
        return
    remembered = rows.held[0] if rows.held else 0
    same = rows.held is not None and hashlib.sha256(data).digest() == rows.held[1]
    if not same and held.size <= remembered:
        found.doubt("held", f"an older statement than that over {remembered} entries")
    if replayed.whole and replayed.roots.get(held.size) != held.root:
        found.doubt("held", f"speaks of another log of {held.size} entries")
