# SPDX-License-Identifier: EUPL-1.2
"""Whether a log only grew since it was last seen (docs/spec/monitor.md §2).

Only leaf hashes are fetched; every hash above them is computed here. A tree that grows out of the
one that was seen is thereby proven to extend it, without asking the log for a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lakzegel_core.checkpoint import Checkpoint, LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import DIGEST, MAX_CHECKPOINT
from lakzegel_core.merkle import Frontier
from lakzegel_core.tiles import WIDTH, narrow, parse_tile_path, split_tile, tile_path
from lakzegel_verify.fetching import NotThereError

MAX_TILE: Final = WIDTH * DIGEST  # bytes of hashes
Get = Callable[[str, int], bytes]


class AlarmError(Exception):
    """What is served is not what was signed, or not what was signed before.

    ``kind`` is ``fork``, ``rollback`` or ``unproven``; ``evidence`` the checkpoints, as served.
    """

    def __init__(self, kind: str, text: str, evidence: Sequence[bytes]) -> None:
        super().__init__(text)
        self.kind = kind
        self.evidence = tuple(evidence)


@dataclass(frozen=True, slots=True)
class Seen:
    """A log as it was seen: its signed checkpoint, and the right edge of its tree."""

    signed: SignedCheckpoint
    edge: Frontier

    @property
    def tree(self) -> Checkpoint:
        """What was signed."""
        return self.signed.checkpoint


def look(
    get: Get, keys: LogKeys, seen: Seen | None, *, witnesses: Sequence[VerifierKey] = ()
) -> Seen:
    """The log as it is now, proven to extend what was seen.

    1. The served checkpoint carries both signatures of the log.
    2. It is not smaller than the one that was seen, and no other tree of that size.
    3. The leaves that are new, appended to the tree that was seen, give its root.

    Raises:
        AlarmError: one of these does not hold.
        UnreachableError: the log cannot be asked now.
    """
    data = get("checkpoint", MAX_CHECKPOINT)
    try:
        signed = open_checkpoint(data, keys, witnesses=witnesses)
    except LakzegelError as error:
        raise AlarmError("unproven", f"the checkpoint does not verify: {error}", [data]) from error
    if seen is not None:
        _compare(seen, signed)
        if signed.checkpoint == seen.tree:
            return Seen(signed, seen.edge)
    edge = seen.edge.copy() if seen is not None else Frontier()
    try:
        _extend(edge, get, signed.checkpoint.size)
    except LakzegelError as error:
        raise AlarmError("unproven", f"the tiles do not verify: {error}", [data]) from error
    if edge.root() != signed.checkpoint.root:
        raise _differs(get, seen, signed)
    return Seen(signed, edge)


def _compare(seen: Seen, signed: SignedCheckpoint) -> None:
    old, new = seen.tree, signed.checkpoint
    both = [seen.signed.data, signed.data]
    if new.size < old.size:
        text = f"{old.origin} shows {new.size} entries, and had signed {old.size}"
        raise AlarmError("rollback", text, both)
    if new.size == old.size and new.root != old.root:
        text = f"{old.origin} signed two different logs of {old.size} entries"
        raise AlarmError("fork", text, both)


def _extend(edge: Frontier, get: Get, size: int) -> None:
    """Append the leaves up to ``size``, tile by tile."""
    for leaf in _leaves(get, edge.size, size):
        edge.append(leaf)


def _leaves(get: Get, start: int, size: int) -> Iterator[bytes]:
    while start < size:
        index, first = divmod(start, WIDTH)
        width = min(WIDTH, size - index * WIDTH)
        yield from _tile(get, index, width)[first:]
        start = index * WIDTH + width


def _tile(get: Get, index: int, width: int) -> list[bytes]:
    """The hashes of a tile."""
    path = tile_path(0, index, width)
    return split_tile(read_tile(get, path, MAX_TILE), width=width, what=path)


def read_tile(get: Get, path: str, limit: int) -> bytes:
    """The bytes of a tile or a bundle of entries, out of the full one where it is no more.

    Raises:
        LakzegelError: the full one is none.
        UnreachableError: neither can be had.
    """
    try:
        return get(path, limit)
    except NotThereError:
        tile = parse_tile_path(path)
        if tile.width == WIDTH:
            raise
    whole = replace(tile, width=WIDTH)
    return narrow(get(whole.path, limit), whole, tile.width)


def _differs(get: Get, seen: Seen | None, signed: SignedCheckpoint) -> AlarmError:
    """What it means that the root is another; to tell, everything is read from the first leaf."""
    new = signed.checkpoint
    text = f"{new.origin} serves tiles that do not give the root of the {new.size} entries signed"
    if seen is None:
        return AlarmError("unproven", text, [signed.data])
    both = [seen.signed.data, signed.data]
    damaged = AlarmError("unproven", text, both)
    edge, before = Frontier(), Frontier().root()
    try:
        for leaf in _leaves(get, 0, new.size):  # the tiles of one size, not of two
            edge.append(leaf)
            if edge.size == seen.tree.size:
                before = edge.root()
    except LakzegelError:
        return damaged
    if edge.root() != new.root or before == seen.tree.root:
        return damaged
    text = f"{new.origin} signed {new.size} entries that do not begin with the {seen.tree.size}"
    return AlarmError("fork", f"{text} that it signed before", both)
