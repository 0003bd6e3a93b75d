# SPDX-License-Identifier: EUPL-1.2
"""Batches and keyrings: taken from devices, handed to the records office."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lakzegel_server.desk import Desk
from lakzegel_server.errors import DamageError, LostError, MissingError
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Keeping, Reading
from lakzegel_server.web.origin import sender
from lakzegel_server.web.receipts import receipt
from lakzegel_server.web.requests import (
    BINARY,
    TEXT,
    id_to_find,
    id_to_store,
    old_size,
    stated_length,
)

BLOCK: Final = 2**20  # bytes read at a time


async def put_batch(desk: Desk, request: Request) -> Response:
    """The receipt of a batch; its header's signature is the credential."""
    name, old, length = id_to_store(request), old_size(request), stated_length(request)

    def answer(index: int, seen: int) -> bytes:
        return receipt(desk.log, index, seen if old is None else old)

    host = sender(desk.settings.web, request)
    sealed = await desk.intake.take(name, request.stream(), length, host=host, answer=answer)
    if sealed.size:
        desk.vitals.traffic.sealed(sealed.size)
    return Response(sealed.answer, media_type=TEXT)


async def get_batch(desk: Desk, request: Request) -> Response:
    """A batch file."""
    name = id_to_find(request)
    return await _stream(desk, name, desk.layout.stores.objects, names.batch(name))


async def get_keyring(desk: Desk, request: Request) -> Response:
    """A keyring file."""
    name = id_to_find(request)
    return await _stream(desk, name, desk.layout.stores.keyrings, names.keyring(name))


async def _stream(desk: Desk, name: str, store: Keeping, place: str) -> Response:
    index = await desk.workers.run(desk.register.index_of, bytes.fromhex(name))
    if index is None:
        raise MissingError("no batch has this name")
    try:
        file = await desk.workers.run(store.open, place)
    except FileNotFoundError:
        raise LostError(f"{place}: lost here; run 'check'") from None
    length = {"Content-Length": str(file.size)}
    return StreamingResponse(_blocks(desk, file), media_type=BINARY, headers=length)


async def _blocks(desk: Desk, file: Reading) -> AsyncIterator[bytes]:
    size = file.size
    with file:
        while size > 0:
            block = await desk.workers.run(file.read, min(BLOCK, size))
            if not block:
                raise DamageError("a file became shorter while it was handed out")
            size -= len(block)
            yield block
