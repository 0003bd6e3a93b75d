# SPDX-License-Identifier: EUPL-1.2
"""A captured file that became smaller, or that lacks segments which it had (ledger.md §6).

    before  a b c d e        before  a b c d e        before  a b c
    after   a b d e          after   a b              after   a X c d
    lost 1, rewritten        lost 3, truncated        lost 0: changed in place, appended

The archive keeps what was captured; this says that the source no longer has it.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from lakzegel_agent.captureevents import path_value
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_core.encoding import canonical_json

COMPACTING: Final = frozenset({"mbox", "pst", "sqlite"})  # kinds whose programs make files smaller


def shrunk(kind: str, name: bytes, before: FileState, after: FileState) -> bytes | None:
    """Return what says that a file shrank between two captures, or None when it did not."""
    kept = before.segments[: -SEGMENT.size]
    if after.size >= before.size and after.segments.startswith(kept):
        return None  # appended to, as most are: nothing to be counted
    old, new = _hashes(before), _hashes(after)
    lost = lost_segments(old, new)
    if before.version < 0 or (after.size >= before.size and not lost):
        return None
    how = "compacted" if kind in COMPACTING else "rewritten"
    if after.size < before.size and _begins(old, new):
        how = "truncated"
    return canonical_json(
        {
            "type": "shrunk",
            "files": [
                {
                    "file": name.hex(),
                    "path": path_value(after.path),
                    "before": before.size,
                    "after": after.size,
                    "lost": lost,
                    "how": how,
                }
            ],
        }
    )


def lost_segments(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    """Return how many segments went without another one in their place.

    Segments of both, met in one order, hold their places; between two of them as many as are new
    there took the place of others.
    """
    places: defaultdict[bytes, list[int]] = defaultdict(list)
    for place in range(len(new) - 1, -1, -1):
        places[new[place]].append(place)  # the first one last, to be popped first
    lost = missing = 0
    reached = -1
    for segment in old:
        at = places.get(segment, [])
        while at and at[-1] <= reached:
            at.pop()
        if not at:
            missing += 1
            continue
        lost += max(0, missing - (at[-1] - reached - 1))
        reached, missing = at.pop(), 0
    return lost + max(0, missing - (len(new) - reached - 1))


def _begins(old: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Whether a file began with all of this, or with all but a last piece of several."""
    most = new if len(new) < 2 else new[:-1]  # noqa: PLR2004
    return list(most) == list(old[: len(most)])


def _hashes(state: FileState) -> list[bytes]:
    return [row[-1] for row in SEGMENT.iter_unpack(state.segments)]
