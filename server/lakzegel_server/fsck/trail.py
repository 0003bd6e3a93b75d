# SPDX-License-Identifier: EUPL-1.2
"""The audit trail: its key, each segment against the log, and one chain of all records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from lakzegel_core.encoding import b64, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.trail import Trail, peek_trail, trail_key_name
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.indexed import Indexed
from lakzegel_server.fsck.log import Replayed
from lakzegel_server.index.engine import FAILURES, Connection
from lakzegel_server.people import trailrows
from lakzegel_server.people.records import BEGINNING, hash_of, parse
from lakzegel_server.people.segmentfile import MAX_SEGMENT, moments, parse_segment
from lakzegel_server.people.trailkey import TRAIL_KEY
from lakzegel_server.people.trailrows import Head, Segment, State

_KEY: Final = f"keys/{TRAIL_KEY}"
_MAX_KEY: Final = 8_192  # bytes
_ALL: Final = 2**62


class _Chain:
    """Follows the records, and starts anew after what could not be read."""

    def __init__(self, at: Head | None) -> None:
        self.at = at  # None: not known

    def take_all(self, lines: Sequence[bytes]) -> bool:
        """Whether they all follow each other."""
        followed = [self.take(line) for line in lines]
        return all(followed)

    def take(self, line: bytes) -> bool:
        """Whether the line follows the one before."""
        placed = parse(line)
        before = self.at
        self.at = Head(placed.number, hash_of(line))
        if before is None:
            return True
        return (placed.number, placed.previous) == (before.number + 1, b64(before.hash))


def check_trail(found: Survey, index: Indexed, replayed: Replayed, *, first: int = 0) -> None:
    """Every segment from ``first`` on is what the log says, and every record follows another."""
    _check_key(found, replayed)
    if not replayed.trails and "trail_segments" not in index.tables():
        return  # an index of an earlier version, which had no trail
    try:
        _check_records(found, index.connection, replayed, first)
    except (*FAILURES, TypeError, ValueError) as error:
        found.doubt(found.index, f"the trail cannot be read: {error}")
    if found.live:  # a file is durable before its row
        found.claimed.update(p for p in found.files if p.startswith("trail/"))


def _check_records(found: Survey, connection: Connection, replayed: Replayed, first: int) -> None:
    known = [one for one in trailrows.segments(connection) if one.number >= first]
    notes = {segment.number: segment for segment in known}
    entries = {trail.number: trail for _, trail in replayed.trails}
    chain = _Chain(None if first else Head(0, BEGINNING))
    for entry_id, trail in replayed.trails:
        segment = notes.get(trail.number)
        if segment is not None and hashlib.sha256(segment.note).digest() != entry_id:
            found.doubt(found.index, f"table trail_segments: {trail.number} is not the log's")
        state = State.SEALED if segment is None else segment.state
        if state is not State.LOST:
            _check_file(found, trail, chain)
        if state in {State.LOST, State.BACK}:
            chain.at = None
    for segment in known:
        if segment.number not in entries:
            _check_unsealed(found, segment, replayed, chain)
    _check_waiting(found, connection, chain)


def _check_key(found: Survey, replayed: Replayed) -> None:
    """The key is that of this log's trail; absent before the first start."""
    newest = replayed.custody.trail
    if newest is None and _KEY not in found.files:
        return
    data = found.read(_KEY, _MAX_KEY)
    if data is None:
        return
    try:
        key = SigningKey.from_text(data.decode().removesuffix("\n"))
    except (UnicodeDecodeError, LakzegelError):
        found.doubt(_KEY, "is no signing key")
        return
    verifier = key.verifier
    if f"{key.to_text()}\n".encode() != data or verifier.algorithm is not Algorithm.ED25519:
        found.doubt(_KEY, "is no signing key of type 0x01")
    elif verifier.name != trail_key_name(replayed.custody.origin):
        found.doubt(_KEY, "is not of this log's trail")
    elif newest is not None and newest.trail.key != verifier:
        found.doubt(_KEY, "is not the key that the log names")


def _check_unsealed(found: Survey, segment: Segment, replayed: Replayed, chain: _Chain) -> None:
    """A segment whose entry is not in the log: only while it is on its way there."""
    place = f"trail/{segment.number}.jsonl"
    if segment.state is not State.WAITING and replayed.whole:
        found.doubt(found.index, f"table trail_segments: the log has no segment {segment.number}")
    if found.exists(place):
        found.files.add(place)
    try:
        trail = peek_trail(segment.note)
    except LakzegelError as error:
        found.doubt(found.index, f"table trail_segments: {segment.number}: {error}")
        return
    _check_file(found, trail, chain)


def _check_file(found: Survey, trail: Trail, chain: _Chain) -> None:
    place = f"trail/{trail.number}.jsonl"
    data = found.read(place, MAX_SEGMENT)
    before, chain.at = chain.at, None
    if data is None:
        return
    if hashlib.sha256(data).digest() != trail.records:
        found.doubt(place, "is not what the log says")
        return
    try:
        segment = parse_segment(data)
        ats = moments([parse(line).at for line in segment.lines])
        chain.at = before
        follows = chain.take_all(segment.lines)
    except LakzegelError as error:
        found.doubt(place, str(error))
        return
    stated = trail.count, format_time(trail.since), format_time(trail.until), trail.number
    if not follows or stated != (len(segment.lines), *ats, segment.number):
        found.doubt(place, "is no part of the chain of records")


def _check_waiting(found: Survey, connection: Connection, chain: _Chain) -> None:
    """The records that no segment has, up to the newest one."""
    known = chain.at.number if chain.at else 0
    try:
        lines = [line for number, line in trailrows.waiting(connection, _ALL) if number > known]
        follows = chain.take_all(lines)
    except LakzegelError as error:
        found.doubt(found.index, f"table trail: {error}")
        return
    head = trailrows.read_head(connection)
    ends = chain.at is None or (chain.at.number, chain.at.hash) == (head.number, head.hash)
    if not follows or not ends:
        found.doubt(found.index, "table trail: the records are no chain up to the newest")
