# SPDX-License-Identifier: EUPL-1.2
"""Takes batches in while they stream: the loop reads, a thread verifies and writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.errors import LakzegelError, LimitError
from lakzegel_core.limits import MAX_BATCH, MAX_KEYRING
from lakzegel_server.errors import BusyError
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout
from lakzegel_server.limiting import Limits, Ticket
from lakzegel_server.logstate import LogState
from lakzegel_server.pace import timed
from lakzegel_server.register import Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.upload import AlreadySealedError, Upload
from lakzegel_server.workers import Workers

MAX_UPLOAD: Final = MAX_BATCH + MAX_KEYRING
MAX_UPLOADS: Final = 64  # at a time; each holds at most 5 MiB in memory beside its manifest
BLOCK: Final = 2**20  # bytes gathered before a thread takes them: as many as are read at once
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that is durable, in the log and shown."""

    index: int
    seen_size: int
    size: int  # bytes of its file; 0 when that was here already


class Intake:
    """Receives uploads for one DATA."""

    def __init__(
        self,
        layout: Layout,
        log: LogState,
        sequencer: Sequencer,
        register: Register,
        workers: Workers,
        sealed: Callable[[Header, int, int], None] = lambda _header, _index, _size: None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is taken yet; ``sealed`` hears of each batch: header, index, size of the file."""
        self._layout = layout
        self._state = log
        self._sequencer = sequencer
        self._register = register
        self._workers = workers
        self._told = sealed
        self._limits = limits or Limits()
        self._names: set[str] = set()
        self._tasks: set[asyncio.Task[int]] = set()

    @property
    def under_way(self) -> int:
        """How many batches are coming in."""
        return len(self._names)

    async def take(
        self,
        name: str,
        body: AsyncIterator[bytes],
        length: int | None,
        *,
        host: str | None = None,
    ) -> Sealed:
        """The place of a batch that is durable and sealed; ``host`` is where it comes from.

        Raises:
            LakzegelError: what is wrong with it; it is recorded, and nothing is kept.
            BusyError, TooManyError, OSError, FAILURES: not now; nothing is kept.
        """
        if length is not None and length > MAX_UPLOAD:
            raise LimitError("upload", f"{length} bytes, at most {MAX_UPLOAD}")
        with self._limits.upload(host) as ticket, ExitStack() as place:
            upload = Upload(name, self._layout, self._state, self._register, ticket.admit)
            try:
                await self._receive(
                    upload, body, ticket, lambda: place.enter_context(self._place(name))
                )
            except AlreadySealedError as found:
                return Sealed(found.index, found.header.seen.size, 0)
            except LakzegelError as refusal:
                await self._record(upload, name, refusal)
                raise
            finally:
                await self._workers.run(upload.abandon)
            task = asyncio.create_task(self._seal(upload, name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            index = await asyncio.shield(task)
            return Sealed(index, upload.header.seen.size, upload.size)

    @contextmanager
    def _place(self, name: str) -> Iterator[None]:
        """One upload of a batch at a time, and not too many in all."""
        if name in self._names:
            raise BusyError(f"batch {name}: is being received already")
        if len(self._names) >= MAX_UPLOADS:
            raise BusyError(f"{MAX_UPLOADS} batches are being received; try again")
        self._names.add(name)
        try:
            yield
        finally:
            self._names.discard(name)

    async def _receive(
        self,
        upload: Upload,
        body: AsyncIterator[bytes],
        ticket: Ticket,
        take_place: Callable[[], None],
    ) -> None:
        """Read the next block while a thread verifies and writes the one before.

        Places are scarce: one is taken by a device that has proven itself, not by whoever connects.
        """
        placed = False
        writing: asyncio.Future[None] | None = None
        blocks = _blocks(timed(body))
        try:
            while block := await _next(blocks, writing):
                if writing is not None:
                    await asyncio.shield(writing)
                ticket.count(sum(map(len, block)))
                writing = self._workers.start(upload.feed, block)
                if not placed:
                    await asyncio.shield(writing)
                    if upload.admitted:
                        take_place()
                        placed = True
            if writing is not None:
                await asyncio.shield(writing)
        finally:
            if writing is not None:
                await asyncio.wait({writing})
                writing.exception()
        await self._workers.run(upload.finish)

    async def _seal(self, upload: Upload, name: str) -> int:
        """The index of what is durable now; runs to its end even when the client went away."""
        if upload.sealed is not None:
            return upload.sealed
        try:
            index = await asyncio.wrap_future(self._sequencer.submit(upload.note))
        except Exception as error:
            await self._workers.run(upload.discard)
            if isinstance(error, LakzegelError):
                await self._record(upload, name, error)
            raise
        self._told(upload.header, index, upload.size)
        return index

    async def _record(self, upload: Upload, name: str, refusal: LakzegelError) -> None:
        await self._workers.run(record, self._register, upload, name, refusal)


def record(register: Register, upload: Upload, name: str, refusal: LakzegelError) -> None:
    """Write a refusal down; that it cannot be written changes nothing about it."""
    if upload.proven:  # or else a line a bad upload fills a disk
        _log.info("batch %s of device %s refused: %s", name, upload.device, refusal.code)
    try:
        register.refuse(
            device=upload.device, code=refusal.code, entry_id=name, proven=upload.proven
        )
    except FAILURES as error:
        _log.warning("a refusal could not be recorded: %s", type(error).__name__)


async def _next(
    blocks: AsyncIterator[list[bytes]], writing: asyncio.Future[None] | None
) -> list[bytes]:
    """The next block, empty at the end; a block before it that was refused ends the wait for it.

    A sender whose header is refused would else hold its place for as long as it sends nothing.
    """
    coming = asyncio.ensure_future(anext(blocks, []))
    try:
        await asyncio.wait({coming, writing or coming}, return_when=asyncio.FIRST_COMPLETED)
        if writing is not None and writing.done():
            writing.result()
        return await coming
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.wait({coming})


async def _blocks(body: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """What came in, gathered; the first of it at once, for it may be refused by its header."""
    block: list[bytes] = []
    size, wanted = 0, 1
    async for chunk in body:
        if block and size + len(chunk) > BLOCK:
            yield block
            block, size = [], 0
        block.append(chunk)
        size += len(chunk)
        if size >= wanted:
            yield block
            block, size, wanted = [], 0, BLOCK
    if block:
        yield block
