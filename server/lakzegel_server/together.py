# SPDX-License-Identifier: EUPL-1.2
"""Uploads that wait together are made durable and sealed together; small ones verified as well.

    loop ──▶ takers (2): verify, write, sync all at once ──▶ sequencer: seal, answer ──▶ loop

A thread that waits for the interpreter wakes every 5 ms to ask for it, and a sync on a journal
costs as much for one file as for many. So there are few threads, each with a group, and not one
an upload. Nothing waits for a group to fill: whatever came while the one before was under way is
the next one.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.errors import LakzegelError
from lakzegel_server.errors import BusyError, DamageError
from lakzegel_server.handing import Answers
from lakzegel_server.logstate import LogState
from lakzegel_server.names import Names
from lakzegel_server.register import Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.stores.stores import Stores
from lakzegel_server.unsealed import Unsealed
from lakzegel_server.upload import AlreadySealedError, Sealed, Upload, record, settle_together

TAKERS: Final = 2  # one works while the other waits for the disk
MAX_GROUP: Final = 64
Answer = Callable[[int, int], bytes]
Told = Callable[[Header, int, int], None]


@dataclass(slots=True, eq=False)
class Whole:
    """An upload that has come, and who waits for what becomes of it."""

    upload: Upload
    whole: Sequence[bytes] | None  # None: it was fed already, and whoever did so has its name
    answer: Answer
    done: asyncio.Future[Sealed]
    failure: Exception | None = None  # why it could not be sealed


class Together:
    """The threads, and what waits for them."""

    def __init__(
        self,
        log: LogState,
        stores: Stores,
        sequencer: Sequencer,
        register: Register,
        names: Names,
        unsealed: Unsealed,
        told: Told,
    ) -> None:
        self._log = log
        self._stores = stores
        self._sequencer = sequencer
        self._register = register
        self._names = names
        self._unsealed = unsealed
        self._told = told
        self._waiting: queue.SimpleQueue[Whole | None] = queue.SimpleQueue()
        self._answers = Answers[Sealed]()
        self._threads = [
            threading.Thread(target=self._work, name=f"taker-{number}", daemon=True)
            for number in range(TAKERS)
        ]

    def start(self) -> None:
        """Begin to take."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Take what waits, and end."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    async def take(self, upload: Upload, whole: Sequence[bytes] | None, answer: Answer) -> Sealed:
        """What became of an upload that is ``whole``, or was fed already.

        A cancelled caller still waits until it has ended.

        Raises:
            LakzegelError: what is wrong with it; it is recorded, and nothing is kept.
            BusyError, OSError, and what the index raises: not now; nothing is kept.
        """
        done: asyncio.Future[Sealed] = asyncio.get_running_loop().create_future()
        self._waiting.put(Whole(upload, whole, answer, done))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await asyncio.wait({done})
            done.exception()
            raise

    # in the takers' threads

    def _work(self) -> None:
        going = True
        while going:
            group, going = self._collect()
            whole = [one for one in group if self._verified(one)]
            if whole:
                self._settle(whole)

    def _collect(self) -> tuple[list[Whole], bool]:
        """Everything that waits now, and whether there is more to come."""
        group: list[Whole] = []
        item = self._waiting.get()
        with suppress(queue.Empty):
            while item is not None:
                group.append(item)
                if len(group) == MAX_GROUP:
                    return group, True
                item = self._waiting.get_nowait()
            return group, False
        return group, True

    def _verified(self, one: Whole) -> bool:
        """Whether it is whole, fits, and is written; else it has its answer."""
        if one.failure is not None:
            self._turn_away(one, one.failure)
            return False
        try:
            if one.whole is None:
                one.upload.complete()
            else:
                one.upload.take_whole(one.whole)
                self._names.add(one.upload.name)
        except AlreadySealedError as found:
            one.upload.abandon()
            self._finish(one, found.index, found.header, 0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._refuse(one, error)
        else:
            return True
        return False

    def _settle(self, whole: Sequence[Whole]) -> None:
        """Make all of them durable at once, and have them sealed."""
        try:
            uploads = [one.upload for one in whole]
            new = [upload.name for upload in uploads if upload.sealed is None]
            with self._unsealed.noting(new) as noted:
                settle_together(self._log, self._stores, uploads, noted)
        except DamageError as error:
            self._settle_apart(whole, error)
            return
        except BaseException as error:  # noqa: BLE001 - as above
            for one in whole:
                self._turn_away(one, error)
            return
        for one in whole:
            one.upload.abandon()
            if one.upload.sealed is not None:  # only its files had been lost
                self._end(one, one.upload.sealed)
                continue
            sealing = self._sequencer.submit(one.upload.note)
            sealing.add_done_callback(partial(self._sealed, one))

    def _settle_apart(self, whole: Sequence[Whole], error: DamageError) -> None:
        """One of them is not what lies there under its name: it is not to be in others' way."""
        if len(whole) == 1:
            self._turn_away(whole[0], error)
            return
        for one in whole:
            self._settle([one])

    def _turn_away(self, one: Whole, error: BaseException) -> None:
        """Leave nothing of one that was written and cannot be sealed."""
        with suppress(Exception):  # what is left of it, the next start removes
            one.upload.discard()
            self._unsealed.forget([one.upload.name])
        self._release(one)
        self._refuse(one, error)

    def _release(self, one: Whole) -> None:
        if one.whole is not None:
            self._names.discard(one.upload.name)

    def _refuse(self, one: Whole, error: BaseException) -> None:
        with suppress(OSError):
            one.upload.abandon()
        if isinstance(error, LakzegelError):
            record(self._register, one.upload, error)
        self._answers.deliver(
            one.done, error if isinstance(error, Exception) else BusyError("try again")
        )

    # in the sequencer's thread

    def _sealed(self, one: Whole, sealing: Future[int]) -> None:
        failure = sealing.exception()
        if failure is None:
            self._end(one, sealing.result())
            return
        one.failure = failure if isinstance(failure, Exception) else BusyError("try again")
        self._waiting.put(one)  # what is left of it is not this thread's work

    def _end(self, one: Whole, index: int) -> None:
        header, size = one.upload.header, one.upload.size
        if one.upload.sealed is None:
            self._unsealed.forget([one.upload.name])
            self._told(header, index, size)
        self._release(one)
        self._finish(one, index, header, size)

    def _finish(self, one: Whole, index: int, header: Header, size: int) -> None:
        try:
            answer = one.answer(index, header.seen.size)
        except Exception as error:  # noqa: BLE001 - it is sealed, and its sender asks again
            self._answers.deliver(one.done, error)
        else:
            self._answers.deliver(one.done, Sealed(index, size, answer))
