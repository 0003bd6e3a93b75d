# SPDX-License-Identifier: EUPL-1.2
"""Verifies heartbeats, all that wait one after another in a thread of their own.

    loop ──▶ hearing: verify ──▶ heartbeats (gathering.py): write together ──▶ loop

To verify one takes a fifth of a millisecond, to wake a thread for each of them takes longer: one
that comes alone is verified at once, those that follow are gathered for a moment. The threads that
take in large batches are not to keep a device from saying that it is there.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import DeviceState
from lakzegel_core.errors import EpochError, FormatError, NotAdmittedError, RevokedError
from lakzegel_core.heartbeat import Heartbeat, open_heartbeat_of
from lakzegel_core.keys import VerifierKey
from lakzegel_server.errors import BusyError
from lakzegel_server.fleet.records import FleetRecords
from lakzegel_server.handing import Answers
from lakzegel_server.limiting import Limits
from lakzegel_server.logstate import LogState

GATHER_SECONDS: Final = 0.05  # a quarter of what they are gathered for before they are written
ENDING: Final = "the receiver is ending; try again"


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A heartbeat that came, and who waits until it is kept."""

    data: bytes
    done: asyncio.Future[None]


class Hearing:
    """The thread, and what waits for it."""

    def __init__(self, log: LogState, limits: Limits, records: FleetRecords) -> None:
        self._log = log
        self._limits = limits
        self._records = records
        self._waiting: queue.SimpleQueue[list[Heard] | None] = queue.SimpleQueue()
        self._gathered: list[Heard] = []
        self._gathering = False
        self._answers = Answers[None]()
        self._guard = threading.Lock()
        self._is_over = False
        self._thread = threading.Thread(target=self._work, name="hearing", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Verify what has come, and end."""
        with self._guard:
            self._is_over = True
            self._waiting.put(self._gathered)
            self._gathered = []
            self._waiting.put(None)
        self._thread.join()

    async def take(self, data: bytes) -> None:
        """Return when the heartbeat is kept.

        Raises:
            LakzegelError, BusyError: as ``verify``; ReplayError: there is a newer one.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._guard:
            if self._is_over:
                raise BusyError(ENDING)
            self._gathered.append(Heard(data, done))
        if not self._gathering:
            self._hand_over(loop)
        await done

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have those verified that came; in a moment again, unless nobody came."""
        with self._guard:
            heard, self._gathered = self._gathered, []
            if heard:
                self._waiting.put(heard)
        self._gathering = bool(heard)
        if heard:
            loop.call_later(GATHER_SECONDS, self._hand_over, loop)

    def verify(self, data: bytes) -> Future[None]:
        """docs/spec/heartbeat.md §4: of this log and an enrolled device, by its key, not revoked.

        By what is committed, whether it is shown or not: the answer says nothing of the log.
        Whether it is new is found when it is written, together with others; the future tells.

        Raises:
            FormatError, NotAdmittedError, EpochError, SignatureError, RevokedError, BusyError.
        """
        revoked = False

        def key_of(claimed: Heartbeat) -> VerifierKey:
            nonlocal revoked
            with self._log.looking() as custody:
                device = _device(custody, claimed)
                revoked = device.revoked
                return device.header_key

        heartbeat = open_heartbeat_of(data, key_of)
        self._limits.heartbeat(heartbeat.device)
        if revoked:
            raise RevokedError(f"device {heartbeat.device}: was revoked")
        return self._records.put(heartbeat, data)

    # in the thread

    def _work(self) -> None:
        while (group := self._waiting.get()) is not None:
            for heard in group:
                self._hear(heard)

    def _hear(self, heard: Heard) -> None:
        try:
            kept = self.verify(heard.data)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._answers.deliver(heard.done, error)
        else:
            kept.add_done_callback(partial(self._kept, heard.done))

    def _kept(self, done: asyncio.Future[None], kept: Future[None]) -> None:
        failure = kept.exception()
        if failure is None or isinstance(failure, Exception):
            self._answers.deliver(done, failure)
        else:
            self._answers.deliver(done, BusyError(ENDING))


def _device(custody: Custody, peeked: Heartbeat) -> DeviceState:
    """The device that it claims to be of, in the epoch that it is in."""
    if peeked.origin != custody.origin:
        raise FormatError("heartbeat", f"is for log {peeked.origin}, not {custody.origin}")
    device = custody.devices.get(peeked.device)
    if device is None:
        raise NotAdmittedError(f"device {peeked.device}: has no enrolment in the log")
    if peeked.epoch != device.epoch:
        raise EpochError(f"device {peeked.device}: epoch {device.epoch} is the current one")
    return device
