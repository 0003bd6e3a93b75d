# SPDX-License-Identifier: EUPL-1.2
"""RFC 6962 Merkle trees over SHA-256: 0x00 before a leaf, 0x01 before a node.

Proofs are verified as RFC 9162 §2.1.3.2 and §2.1.4.2 say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Self

from lakzegel_core.errors import ConsistencyError, InclusionError
from lakzegel_core.limits import DIGEST, MAX_TREE

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return _sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, in memory."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        pairs = [
            _sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)
        ]
        if len(level) % 2:
            pairs.append(level[-1])
        level = pairs
    return level[0]


def levels_of(leaf_hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Every level of a tree that is in memory, leaves first, its root alone in the last."""
    levels = [list(leaf_hashes)]
    while len(level := levels[-1]) > 1:
        above = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
    return levels


def path_in(index: int, levels: Sequence[Sequence[bytes]]) -> list[bytes]:
    """The sibling hashes from leaf to root, by the levels of a tree."""
    if not 0 <= index < len(levels[0]):
        raise InclusionError(f"no leaf {index} among {len(levels[0])}")
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index //= 2
    return path


def inclusion_path(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """The sibling hashes from leaf to root, for a tree that is in memory."""
    return path_in(index, levels_of(leaf_hashes))


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Return when the leaf hash is proven to be number ``index`` of ``size`` under ``root``.

    Raises:
        InclusionError: it is not.
    """
    if not 0 <= index < size <= MAX_TREE or any(len(h) != DIGEST for h in (leaf, root, *proof)):
        raise InclusionError(f"no leaf {index} in a tree of {size}")
    fn, sn, result = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise InclusionError(f"leaf {index}: the proof is too long")
        if fn % 2 or fn == sn:
            result = node_hash(sibling, result)
            while fn and not fn % 2:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or result != root:
        raise InclusionError(f"leaf {index} is not proven to be in the tree of {size}")


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return when the newer tree is proven to begin with the whole older one.

    Raises:
        ConsistencyError: it is not.
    """
    refused = ConsistencyError(f"the tree of {new_size} is not proven to extend that of {old_size}")
    if not 0 <= old_size <= new_size <= MAX_TREE or any(
        len(h) != DIGEST for h in (old_root, new_root, *proof)
    ):
        raise refused
    if old_size in (0, new_size):
        same = old_root == (EMPTY_ROOT if old_size == 0 else new_root)
        if proof or not same:
            raise refused
        return
    hashes = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not hashes or _fold(hashes, old_size - 1, new_size - 1) != (old_root, new_root):
        raise refused


def _fold(hashes: list[bytes], fn: int, sn: int) -> tuple[bytes, bytes] | None:
    """The older and newer root that RFC 9162 §2.1.4.2 computes; None for a wrong length."""
    while fn % 2:
        fn, sn = fn >> 1, sn >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if sn == 0:
            return None
        if fn % 2 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while fn and not fn % 2:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    return None if sn else (old, new)


class Frontier:
    """The right edge of a tree: what appending needs and no more."""

    __slots__ = ("_edge", "size")

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # roots of the full subtrees, largest first

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        edge, size = self._edge, self.size
        while size & 1:
            leaf = _sha256(b"\x01" + edge.pop() + leaf).digest()
            size >>= 1
        edge.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._edge:
            return EMPTY_ROOT
        result = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            result = node_hash(left, result)
        return result

    def copy(self) -> Frontier:
        """An independent frontier of the same tree."""
        return Frontier.from_hashes(self.size, self._edge)

    def to_hashes(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, largest first."""
        return tuple(self._edge)

    @classmethod
    def from_hashes(cls, size: int, hashes: Sequence[bytes]) -> Self:
        """The frontier that ``to_hashes`` described.

        Raises:
            ConsistencyError: the number of hashes does not belong to the size.
        """
        if size < 0 or len(hashes) != size.bit_count():
            raise ConsistencyError(f"{len(hashes)} hashes cannot be the edge of a tree of {size}")
        frontier = cls()
        frontier.size = size
        frontier._edge = list(hashes)
        return frontier
