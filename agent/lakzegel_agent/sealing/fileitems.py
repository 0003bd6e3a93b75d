# SPDX-License-Identifier: EUPL-1.2
"""The items that a file becomes: its segments and its capture (docs/spec/item.md §4)."""

from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from json.encoder import encode_basestring

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import OWN, SEGMENT, pack_state, sizes_of
from lakzegel_agent.sealing.bases import itself
from lakzegel_agent.sealing.body import Body
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    FileUnit,
    GrownUnit,
    Job,
    Labelled,
    RangeUnit,
    Setup,
    Stat,
)
from lakzegel_agent.sealing.known import Known
from lakzegel_agent.sealing.surveys import ConversationUnit
from lakzegel_core.encoding import b64
from lakzegel_core.item import Members


class Writer:
    """Seals files' items into one body; ``labelled`` are those in which something was found."""

    labelled: Sequence[Labelled] = ()

    def __init__(self, body: Body, setup: Setup, job: Job, cipher: Cipher) -> None:
        self.body = body
        self._sources = setup.sources
        self._epoch = setup.epoch
        self._batch = job.batch
        self._cipher = cipher
        self._seen = f',"seen":"{job.seen}"'.encode()
        self._of: tuple[object, ...] = ()  # whose members these are: a file's capture has the same
        self._said = b""

    def segments(
        self,
        unit: FileUnit | GrownUnit | RangeUnit | ConversationUnit,
        told: Stat,
        pieces: Iterable[bytes],
        known: Known,
    ) -> Iterator[bytes]:
        """Yield the packed row of each piece, sealed now unless it is known."""
        label, reader, _, _ = self._sources[unit.source]
        self._of = (unit.name, told.mtime, unit.path, reader)
        context = self._said = members(unit.name, told.mtime, unit.path, reader)
        for piece in pieces:
            row = known.row(piece)
            if row is None:
                index, commitment, digest = self.body.add("segment", label, piece, context)
                row = SEGMENT.pack(
                    self._epoch,
                    self._batch,
                    index,
                    len(piece),
                    commitment,
                    self._cipher.segment(digest),
                )
            yield row

    def capture(self, unit: CaptureUnit) -> bytes:
        """Seal a file's capture; return its row in the ledger, encrypted."""
        source, path, name, (size, mtime, _, _, mode), version, grew, rows, base, unread = unit
        label, reader, _, _ = self._sources[source]
        if not grew and self._of == (name, mtime, path, reader):
            said = self._said + self._seen
        else:
            said = members(name, mtime, path, reader, grew=grew) + self._seen
        context = Members(b'%b,"unread":%d' % (said, unread) if unread else said)
        index, commitment, _ = self.body.add("capture", label, capture_payload(unit), context)
        if base is None:
            count = len(rows) // SEGMENT.size
            base = itself(self._epoch, self._batch, index, commitment, count)
        return self._cipher.seal(pack_state(path, version, mode, mtime, size, rows, base), name)


def members(name: bytes, mtime: int, path: bytes, reader: str, *, grew: bool = False) -> Members:
    """Return the members of an item's context, in their order, but for ``seen``, the last."""
    try:
        place = f'"path":{encode_basestring(path.decode())}'
    except UnicodeDecodeError:
        place = f'"path64":"{b64(path)}"'
    grown = '"grew":true,' if grew else ""
    said = f'"file":"{name.hex()}",{grown}"mtime":"{mtime}",{place},"reader":"{reader}"'
    return Members(said.encode())


def capture_payload(unit: CaptureUnit) -> bytes:
    """Return the canonical JSON of a capture.

    Written out by hand, keys in order: everything in it is a number or base64, and there is one
    for every file.
    """
    _, _, name, (size, mtime, _, _, mode), version, _, packed, base, _ = unit
    if base is None:
        start, rows = b"", _named(packed)
    else:
        epoch, batch, index, commitment, stretches = base
        start = b'"base":[%d,%d,%d,"%b"],' % (
            epoch,
            batch,
            index,
            b2a_base64(commitment, newline=False),
        )
        rows = b",".join(_stretches(packed, stretches))
    return b'{%b"file":"%b","mode":%d,"mtime":"%d","segments":[%b],"size":%d,"version":%d}' % (
        start,
        name.hex().encode(),
        mode,
        mtime,
        rows,
        size,
        version,
    )


def _named(packed: bytes) -> bytes:
    return b",".join(
        [
            b'[%d,%d,%d,%d,"%b"]'
            % (epoch, batch, index, length, b2a_base64(commitment, newline=False))
            for epoch, batch, index, length, commitment, _ in SEGMENT.iter_unpack(packed)
        ]
    )


def _stretches(packed: bytes, stretches: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield what is named by the base, and the segments that are not."""
    start = 0
    for first, many in stretches:
        rows = packed[start : (start := start + many * SEGMENT.size)]
        if first == OWN:
            yield _named(rows)
        else:
            yield b"[%d,%d,%d]" % (first, many, sum(sizes_of(rows)))
