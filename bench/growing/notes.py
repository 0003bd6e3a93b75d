# SPDX-License-Identifier: EUPL-1.2
"""The log's entries, one after the other, from any place on: the same ones each time.

First what a custody begins with, then batches, one device after the other. Every header is a real
one: signed by its device, next of its chain, with a tree that the log had.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from bench.growing.people import KEYRING, ORIGIN, START, STEP, Content, Device, Office
from lakzegel_core.batch import open_header
from lakzegel_core.encoding import b64, format_time

SEEN_EVERY: Final = 1_000  # entries: how often the devices here look at a new checkpoint
_TRIED: Final = 10_007  # every so many headers one is opened by the core


class Notes:
    """Makes entries; ``devices`` know where each chain is."""

    def __init__(self, devices: int) -> None:
        self.office = Office()
        self.content = Content.make()
        self.devices = [Device(number) for number in range(devices)]
        self.first = 3 + devices  # the index of the first batch
        contents, keyring = b64(self.content.root), b64(hashlib.sha256(KEYRING).digest())
        policy = b64(hashlib.sha256(self.office.published).digest())
        self._head = f"lakzegel.nl/batch/v1\nlog {ORIGIN}\ndevice "
        self._rest = f"\nitems 1\ncontents {contents}\nkeyring {keyring}\npolicy {policy}\n"
        self._rest += "state open\n"

    def beginning(self) -> Iterator[bytes]:
        """The entries before the first batch."""
        yield self.office.delegation
        yield self.office.published
        admission = self.office.admission(len(self.devices))
        yield admission
        for device in self.devices:
            note = device.enrolment(self.office, admission)
            device.moved_on(note)
            yield note

    def go_on(self, entry_at: Callable[[int], bytes], size: int) -> None:
        """Find the end of each chain in a log of this size."""
        for index in range(max(3, size - len(self.devices)), size):
            self.device_of(index).moved_on(entry_at(index))

    def device_of(self, index: int) -> Device:
        """Whose entry this is."""
        return self.devices[(index - self.first) % len(self.devices)]

    def batch_of(self, index: int) -> int:
        """Which number its batch has."""
        return (index - self.first) // len(self.devices)

    def batch(self, index: int, seen: tuple[int, bytes]) -> bytes:
        """The header at this index, by a device that saw this tree last."""
        device = self.device_of(index)
        closed = format_time(START + (index - self.first) * STEP)
        text = (
            f"{self._head}{device.name}\nepoch 0\nbatch {self.batch_of(index)}\n"
            f"previous {device.previous}\nseen {seen[0]} {b64(seen[1])}\n"
            f"closed {closed}{self._rest}"
        ).encode()
        note = device.signed(text)
        if index % _TRIED == 0:
            open_header(note, device.key.verifier)
        device.moved_on(note)
        return note
