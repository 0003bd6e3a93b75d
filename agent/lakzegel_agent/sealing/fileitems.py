# SPDX-License-Identifier: EUPL-1.2
"""The items that a file becomes: its segments and its capture (docs/spec/item.md §4)."""

from collections.abc import Iterable, Iterator
from json.encoder import JSONEncoder
from typing import Final

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.sealing.body import Body
from lakzegel_agent.sealing.jobs import CaptureUnit, FileUnit, Job, RangeUnit, Setup, Stat
from lakzegel_agent.sealing.known import Known
from lakzegel_core.encoding import b64
from lakzegel_core.item import Members

_quoted: Final = JSONEncoder(ensure_ascii=False).encode


class Writer:
    """Seals files' items into one body."""

    def __init__(self, body: Body, setup: Setup, job: Job, cipher: Cipher) -> None:
        self.body = body
        self._setup = setup
        self._job = job
        self._cipher = cipher
        self._seen = f',"seen":"{job.seen}"'

    def segments(
        self,
        unit: FileUnit | RangeUnit,
        told: Stat,
        pieces: Iterable[bytes],
        known: Known,
    ) -> Iterator[bytes]:
        """Yield the packed row of each piece, sealed now unless it is known."""
        source = self._setup.sources[unit.source]
        context = Members(members(unit.name, told.mtime, unit.path, source.reader))
        place = (self._setup.epoch, self._job.batch)
        for piece in pieces:
            row = known.row(piece)
            if row is None:
                index, item = self.body.add("segment", source.label, piece, context)
                hashed = self._cipher.segment(item.digest)
                row = SEGMENT.pack(*place, index, len(piece), item.entry.commitment, hashed)
            yield row

    def capture(self, unit: CaptureUnit) -> bytes:
        """Seal a file's capture; return its row in the ledger, encrypted."""
        source, told = self._setup.sources[unit.source], unit.stat
        text = members(unit.name, told.mtime, unit.path, source.reader, grew=unit.grew)
        self.body.add("capture", source.label, capture_payload(unit), Members(text + self._seen))
        state = FileState(unit.path, unit.version, told.mode, told.mtime, told.size, unit.rows)
        return self._cipher.seal(state.pack(), unit.name)


def members(name: bytes, mtime: int, path: bytes, reader: str, *, grew: bool = False) -> str:
    """Return the members of an item's context, in their order, but for ``seen``, the last."""
    try:
        place = f'"path":{_quoted(path.decode())}'
    except UnicodeDecodeError:
        place = f'"path64":"{b64(path)}"'
    grown = '"grew":true,' if grew else ""
    return f'"file":"{name.hex()}",{grown}"mtime":"{mtime}",{place},"reader":"{reader}"'


def capture_payload(unit: CaptureUnit) -> bytes:
    """Return the canonical JSON of a capture.

    Written out by hand, keys in order: everything in it is a number or base64, and there is one
    for every file.
    """
    rows = ",".join(
        f'[{epoch},{batch},{index},{size},"{b64(commitment)}"]'
        for epoch, batch, index, size, commitment, _ in SEGMENT.iter_unpack(unit.rows)
    )
    return (
        f'{{"file":"{unit.name.hex()}","mode":{unit.stat.mode},"mtime":"{unit.stat.mtime}",'
        f'"segments":[{rows}],"size":{unit.stat.size},"version":{unit.version}}}'
    ).encode()
