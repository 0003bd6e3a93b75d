# SPDX-License-Identifier: EUPL-1.2
"""The items that a file becomes: its segments and its capture (docs/spec/item.md §4)."""

from collections.abc import Iterable, Iterator

from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.sealing.body import Body
from lakzegel_agent.sealing.jobs import CaptureUnit, FileUnit, Job, RangeUnit, Setup, Stat, clamp
from lakzegel_agent.sealing.known import Known
from lakzegel_core.encoding import JsonValue, b64

Context = dict[str, JsonValue]


class Writer:
    """Seals files' items into one body."""

    def __init__(self, body: Body, setup: Setup, job: Job, cipher: Cipher) -> None:
        self.body = body
        self._setup = setup
        self._job = job
        self._cipher = cipher

    def segments(
        self,
        unit: FileUnit | RangeUnit,
        told: Stat,
        pieces: Iterable[bytes],
        known: Known,
    ) -> Iterator[bytes]:
        """Yield the packed row of each piece, sealed now unless it is known."""
        label = self._setup.sources[unit.source].label
        context = self._context(unit, told)
        place = (self._setup.epoch, self._job.batch)
        for piece in pieces:
            row = known.row(piece)
            if row is None:
                index, item = self.body.add("segment", label, piece, context)
                hashed = self._cipher.segment(item.digest)
                row = SEGMENT.pack(*place, index, len(piece), item.entry.commitment, hashed)
            yield row

    def capture(self, unit: CaptureUnit) -> bytes:
        """Seal a file's capture; return its row in the ledger, encrypted."""
        mtime = clamp(unit.stat.mtime)
        context = {**self._context(unit, unit.stat), "seen": self._job.seen}
        if unit.grew:
            context["grew"] = True
        self.body.add(
            "capture", self._setup.sources[unit.source].label, capture_payload(unit), context
        )
        state = FileState(unit.path, unit.version, unit.stat.mode, mtime, unit.stat.size, unit.rows)
        return self._cipher.seal(state.pack(), unit.name)

    def _context(self, unit: FileUnit | RangeUnit | CaptureUnit, told: Stat) -> Context:
        context: Context = {
            "file": unit.name.hex(),
            "mtime": str(clamp(told.mtime)),
            "reader": self._setup.sources[unit.source].reader,
        }
        try:
            context["path"] = unit.path.decode("utf-8")
        except UnicodeDecodeError:
            context["path64"] = b64(unit.path)
        return context


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
        f'{{"file":"{unit.name.hex()}","mode":{unit.stat.mode},"mtime":"{clamp(unit.stat.mtime)}",'
        f'"segments":[{rows}],"size":{unit.stat.size},"version":{unit.version}}}'
    ).encode()
