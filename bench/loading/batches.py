# SPDX-License-Identifier: EUPL-1.2
"""What devices send, made before the clock starts: signed, encrypted, chained; heartbeats too.

Uploads lie in one file, which is mapped: the generator holds no copy of gigabytes.
"""

import hashlib
import mmap
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from bench.loading.fleet import Device, Fleet
from lakzegel_core.batch import Header, State, batch_id, sign_header
from lakzegel_core.heartbeat import Heartbeat, sign_heartbeat
from lakzegel_core.heartbeatrows import Figures, GuardCount, SourceCount, SpoolUse
from lakzegel_core.item import Place, SealedItem, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.manifest import contents_root

SMALL: Final = 4_096
SMALL_PAYLOAD: Final = 2_560  # bytes of one mail, which make a batch file of about 4 KB
LARGE: Final = 2**20
ITEM: Final = 2**18 - 4_096  # bytes of one of the items of a large batch


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, and which part of it is the header note."""

    device: Device
    name: str
    body: memoryview
    note_size: int
    head: bytes  # its own id, which is the device's head once this is sealed


@dataclass(frozen=True, slots=True)
class _Made:
    name: bytes
    start: int
    size: int
    note_size: int


@contextmanager
def made_uploads(
    fleet: Fleet, devices: Sequence[Device], each: int, size: int, work: Path
) -> Iterator[list[list[Upload]]]:
    """So many uploads of each device, of ``size`` bytes each, that follow its head."""
    path = work / f"uploads-{secrets.token_hex(4)}"
    with path.open("w+b") as file:
        path.unlink()
        made = [_chain(fleet, device, each, size, file) for device in devices]
        file.flush()
        with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped, memoryview(mapped) as all_:
            views = [
                [
                    Upload(d, m.name.hex(), all_[m.start : m.start + m.size], m.note_size, m.name)
                    for m in chain
                ]
                for d, chain in zip(devices, made, strict=True)
            ]
            try:
                yield views
            finally:
                for view in (upload.body for chain in views for upload in chain):
                    view.release()


def _chain(fleet: Fleet, device: Device, each: int, size: int, file: IO[bytes]) -> list[_Made]:
    head, found = device.previous, []
    for number in range(device.batch, device.batch + each):
        note, rest = _sealed(fleet, device, number, head, size)
        head = batch_id(note)
        start = file.tell()
        file.write(note)
        file.writelines(rest)
        found.append(_Made(head, start, file.tell() - start, len(note)))
    return found


def _sealed(
    fleet: Fleet, device: Device, number: int, previous: bytes, size: int
) -> tuple[bytes, list[bytes]]:
    """The header note of a batch, and what follows it."""
    items = [
        _item(fleet, device, number, index, payload)
        for index, payload in enumerate(_payloads(size))
    ]
    contents = contents_root([item.entry for item in items])
    slots = tuple(item.key for item in items)
    ring = Keyring(fleet.origin, device.name, 0, number, len(items), contents, slots)
    keyring = seal_keyring(ring, fleet.recipients, random=os.urandom)
    header = Header(
        origin=fleet.origin,
        device=device.name,
        epoch=0,
        batch=number,
        previous=previous,
        seen=fleet.seen,
        closed=datetime.now(UTC).replace(microsecond=0),
        items=len(items),
        contents=contents,
        keyring=hashlib.sha256(keyring).digest(),
        policy=bytes(32),
        state=State.OPEN,
    )
    note = sign_header(header, device.header)
    manifest = [item.entry.to_bytes() for item in items]
    return note, [*manifest, *(item.ciphertext for item in items), keyring]


def _payloads(size: int) -> list[bytes]:
    """What is in a batch: one mail, or blocks of a large file; noise, as compressed data is."""
    if size <= SMALL:
        return [_NOISE[:SMALL_PAYLOAD]]
    return [_NOISE] * max(1, size // (ITEM + SMALL))


def _item(fleet: Fleet, device: Device, number: int, index: int, payload: bytes) -> SealedItem:
    return seal_item(
        kind="segment",
        source="mail",
        payload=payload,
        context={"path": "cur/1.eml"},
        place=Place(fleet.origin, device.name, 0, number, index),
        random=os.urandom,
        compress=bytes,
    )


_NOISE: Final = os.urandom(ITEM)


def heartbeats(fleet: Fleet, devices: Sequence[Device], count: int) -> list[bytes]:
    """Signed heartbeats of these devices in turn, each one's counter higher than its last."""
    found = []
    boot, began = os.urandom(16), datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    counter = int(time.time())
    for number in range(count if devices else 0):
        turn, place = divmod(number, len(devices))
        device = devices[place]
        beat = Heartbeat(
            origin=fleet.origin,
            device=device.name,
            epoch=0,
            boot=boot,
            counter=counter + turn,
            at=datetime.now(UTC).replace(microsecond=0),
            agent="0.5.0",
            started=began,
            policy=7,
            ledger=Figures(120, 117, 2, 1),
            spool=SpoolUse(2, 81_920, 2**31),
            receipt=None,
            skew=0,
            certificate=None,
            guards=(GuardCount("mail-filters", "fine", 1),),
            sources=(SourceCount("covered", 3),),
        )
        found.append(sign_heartbeat(beat, device.header))
    return found
