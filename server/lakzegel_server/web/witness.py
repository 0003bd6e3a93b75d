# SPDX-License-Identifier: EUPL-1.2
"""What others state about this log: cosignatures, and that the office holds what it names."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import verify_cosignature
from lakzegel_core.errors import FormatError, UnknownKeyError
from lakzegel_core.held import open_held
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_NOTE
from lakzegel_core.note import Signature, parse
from lakzegel_server.cosigners import Identity, cosigners, device_cosigners
from lakzegel_server.desk import Desk
from lakzegel_server.errors import MissingError
from lakzegel_server.logstate import LogState
from lakzegel_server.sealable import require_seen
from lakzegel_server.stores import names
from lakzegel_server.web.requests import TEXT, read_body


async def post_cosignature(desk: Desk, request: Request) -> Response:
    """Nothing, once the cosignature is kept.

    Also where nothing is sealed it is heard: with the log's own signatures it proves that there is
    more of this log, whoever sends it.
    """
    data = await read_body(request, MAX_CHECKPOINT)
    await desk.workers.run(desk.recovery.hear, data)
    desk.log.standing.require_sealing()
    await desk.workers.run(desk.log.refresh)
    await desk.workers.run(_take_cosignatures, desk, data)
    return Response(status_code=204)


async def post_held(desk: Desk, request: Request) -> Response:
    """Nothing, once the statement is kept or a larger one was there."""
    data = await read_body(request, MAX_NOTE)
    await desk.workers.run(desk.log.refresh)
    await desk.workers.run(_take_held, desk, data)
    return Response(status_code=204)


async def get_held(desk: Desk, _request: Request) -> Response:
    """The office's newest held statement."""
    try:
        data = await desk.workers.run(desk.layout.stores.documents.read, names.HELD, MAX_NOTE)
    except FileNotFoundError:
        raise MissingError("the office has not stated yet what it holds") from None
    return Response(data, media_type=TEXT)


def _take_cosignatures(desk: Desk, data: bytes) -> None:
    """Keep the lines of known cosigners.

    1. They speak of this log.
    2. Somebody signed whom the log names, and each such line holds.
    3. The tree is one that this log had.
    """
    note = parse(data, max_size=MAX_CHECKPOINT)
    tree = Checkpoint.from_text(note.text)
    if tree.origin != desk.log.origin:
        raise FormatError("checkpoint", f"of log {tree.origin}, not {desk.log.origin}")
    with desk.log.reading() as (custody, _):
        shown = cosigners(custody)
        devices = device_cosigners(custody, [(one.name, one.key_id) for one in note.signatures])
    merged = _verified(tree, note.signatures, shown)
    apart = _verified(tree, note.signatures, {k: key for k, (_, key) in devices.items()})
    if not merged and not apart:
        raise UnknownKeyError("checkpoint: nobody cosigned whom the log names as a cosigner")
    require_seen(desk.log, "cosigner", tree.size, tree.root)
    for line in apart:
        device, _ = devices[line.name, line.key_id]
        desk.register.keep_cosignature(device, tree.size, line.to_line())
    if merged:
        desk.log.add_witness(tree, merged)


def _verified(
    tree: Checkpoint, lines: tuple[Signature, ...], keys: dict[Identity, VerifierKey]
) -> list[Signature]:
    found = [line for line in lines if (line.name, line.key_id) in keys]
    for line in found:
        verify_cosignature(tree, line, keys[line.name, line.key_id])
    return found


def _take_held(desk: Desk, data: bytes) -> None:
    with desk.log.reading() as (custody, _):
        key = custody.require_delegation().held
    held = open_held(data, key)
    _require_tree(desk.log, held.checkpoint)
    with desk.log.turn():
        if held.size > desk.register.held_size():
            desk.layout.stores.documents.replace(names.HELD, data)
            desk.register.keep_held(held.size, hashlib.sha256(data).digest())


def _require_tree(log: LogState, tree: Checkpoint) -> None:
    if tree.origin != log.origin:
        raise FormatError("held", f"is for log {tree.origin}, not {log.origin}")
    require_seen(log, "held", tree.size, tree.root)
