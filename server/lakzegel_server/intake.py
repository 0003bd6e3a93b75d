# SPDX-License-Identifier: EUPL-1.2
"""Takes batches in while they stream: the loop reads, a thread verifies and writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.errors import LakzegelError, LimitError
from lakzegel_core.limits import MAX_BATCH, MAX_KEYRING
from lakzegel_server.errors import BusyError
from lakzegel_server.layout import Layout
from lakzegel_server.limiting import Limits, Ticket
from lakzegel_server.logstate import LogState
from lakzegel_server.names import Names
from lakzegel_server.pace import timed
from lakzegel_server.register import Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.together import Answer, Together
from lakzegel_server.unsealed import Unsealed
from lakzegel_server.upload import AlreadySealedError, Sealed, Upload, record
from lakzegel_server.workers import Workers

MAX_UPLOAD: Final = MAX_BATCH + MAX_KEYRING
MAX_UPLOADS: Final = 32  # large ones at a time; each holds at most 5 MiB beside its manifest
PATIENCE: Final = 20.0  # seconds that a large one waits for others to end
SMALL: Final = 2**16  # bytes of an upload that is taken whole, by one thread at one time
BLOCK: Final = 2**20  # bytes gathered before a thread takes them: as many as are read at once


class Intake:
    """Receives uploads for one DATA."""

    def __init__(
        self,
        layout: Layout,
        log: LogState,
        sequencer: Sequencer,
        register: Register,
        workers: Workers,
        unsealed: Unsealed,
        sealed: Callable[[Header, int, int], None] = lambda _header, _index, _size: None,
        limits: Limits | None = None,
    ) -> None:
        """Nothing is taken yet; ``sealed`` hears of each batch: header, index, size of the file."""
        self._layout = layout
        self._state = log
        self._register = register
        self._workers = workers
        self._limits = limits or Limits()
        self._names = Names()
        self._together = Together(
            log, layout.stores, sequencer, register, self._names, unsealed, sealed
        )
        self._places = asyncio.Semaphore(MAX_UPLOADS)

    def start(self) -> None:
        """Begin to take."""
        self._together.start()

    def close(self) -> None:
        """Take what has come, and end."""
        self._together.close()

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
        answer: Answer = lambda _index, _seen: b"",
    ) -> Sealed:
        """A batch that is durable and sealed; ``host`` is where it comes from.

        ``answer`` makes what its sender gets, of its index and of the size that its device saw.

        Raises:
            LakzegelError: what is wrong with it; it is recorded, and nothing is kept.
            BusyError, TooManyError, OSError, FAILURES: not now; nothing is kept.
        """
        if length is not None and length > MAX_UPLOAD:
            raise LimitError("upload", f"{length} bytes, at most {MAX_UPLOAD}")
        small = length is not None and length <= SMALL
        with self._limits.upload(None if small else host) as ticket:
            upload = Upload(name, self._layout, self._state, self._register, ticket.admit)
            if small:
                whole = [chunk async for chunk in timed(body)]
                ticket.count(sum(map(len, whole)))
                return await self._together.take(upload, whole, answer)
            async with AsyncExitStack() as place:
                found = await self._receive(upload, name, body, ticket, place)
                if found is not None:
                    seen = found.header.seen.size
                    return Sealed(
                        found.index, 0, await self._workers.run(answer, found.index, seen)
                    )
                return await self._together.take(upload, None, answer)

    @asynccontextmanager
    async def _place(self, name: str) -> AsyncIterator[None]:
        """Not too many large ones in all; who comes later waits."""
        self._names.add(name)
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._places.acquire()
            except TimeoutError:
                raise BusyError(f"{MAX_UPLOADS} batches are being received; try again") from None
            try:
                yield
            finally:
                self._places.release()
        finally:
            self._names.discard(name)

    async def _receive(
        self,
        upload: Upload,
        name: str,
        body: AsyncIterator[bytes],
        ticket: Ticket,
        place: AsyncExitStack,
    ) -> AlreadySealedError | None:
        """Take in all of it, unless it is here already; what is wrong with it is recorded."""
        try:
            await self._stream(
                upload, body, ticket, lambda: place.enter_async_context(self._place(name))
            )
        except AlreadySealedError as found:
            await self._workers.run(upload.abandon)
            return found
        except BaseException as error:
            await self._workers.run(upload.abandon)
            if isinstance(error, LakzegelError):
                await self._workers.run(record, self._register, upload, error)
            raise
        return None

    async def _stream(
        self,
        upload: Upload,
        body: AsyncIterator[bytes],
        ticket: Ticket,
        take_place: Callable[[], Awaitable[None]],
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
                        await take_place()
                        upload.placed = placed = True
            if writing is not None:
                await asyncio.shield(writing)
        finally:
            if writing is not None:
                await asyncio.wait({writing})
                writing.exception()


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
