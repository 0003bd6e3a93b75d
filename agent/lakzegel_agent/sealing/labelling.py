# SPDX-License-Identifier: EUPL-1.2
"""Sealing segments with labels of what is in them, where the policy asks for it (guards.md §8).

A class of its own, so that sealing costs nothing more where it does not ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from lakzegel_agent.content.scanning import Scanner
from lakzegel_agent.ledgercipher import Cipher
from lakzegel_agent.ledgerrows import SEGMENT
from lakzegel_agent.sealing.body import Body
from lakzegel_agent.sealing.fileitems import Writer, members
from lakzegel_agent.sealing.jobs import (
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
from lakzegel_core.item import Members

_BEHIND: Final = b'"mtime":'  # the member that follows; what precedes it has no text of others


class LabellingWriter(Writer):
    """Looks through each segment that is sealed now; one that is known was looked through then."""

    def __init__(
        self, scanner: Scanner, body: Body, setup: Setup, job: Job, cipher: Cipher
    ) -> None:
        super().__init__(body, setup, job, cipher)
        self.labelled: list[Labelled] = []
        self._scanner = scanner

    @classmethod
    def asked(cls, labels: Sequence[str]) -> Callable[[Body, Setup, Job, Cipher], Writer]:
        """Return what makes writers that look for these."""
        return partial(cls, Scanner(labels))

    def segments(
        self,
        unit: FileUnit | GrownUnit | RangeUnit | ConversationUnit,
        told: Stat,
        pieces: Iterable[bytes],
        known: Known,
    ) -> Iterator[bytes]:
        """Yield the packed row of each piece, looked through and sealed now unless it is known."""
        label, reader, _, _ = self._sources[unit.source]
        said = members(unit.name, told.mtime, unit.path, reader)
        for piece in pieces:
            row = known.row(piece)
            if row is None:
                seen = self._scanner.look(piece, reader)
                context = Members(with_labels(said, seen.labels))
                index, commitment, digest = self.body.add("segment", label, piece, context)
                if seen.labels or seen.bare:
                    self.labelled.append(Labelled(unit.source, index, *seen))
                row = SEGMENT.pack(
                    self._epoch,
                    self._batch,
                    index,
                    len(piece),
                    commitment,
                    self._cipher.segment(digest),
                )
            yield row


def with_labels(said: bytes, labels: Sequence[str]) -> bytes:
    """Return the members of a context with labels put in at their place (item.md §2)."""
    if not labels:
        return said
    named = ",".join(f'"{label}"' for label in labels).encode()
    before, behind, after = said.partition(_BEHIND)
    return b'%b"labels":[%b],%b%b' % (before, named, behind, after)
