# SPDX-License-Identifier: EUPL-1.2
"""A bill of materials as macOS' installer reads it (docs/spec/flat-package.md §4).

Apple has published no description of the format; this follows what others found and published
(stuckliste's reference of it, bomutils' header).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lakzegel_frozen.entries import Entry
from lakzegel_frozen.identity import EPOCH

HEADER: Final = struct.Struct(">8sIIIIII")
HEADER_ROOM: Final = 512
TREE: Final = struct.Struct(">4sIIIIB")
NODE: Final = struct.Struct(">HHII")
PAIR: Final = struct.Struct(">II")
INFO: Final = struct.Struct(">BBHHIIIIB")
PAGE: Final = 4096  # bytes of a node; with its head, room for 510 pairs
LEAVES: Final = 256  # pairs of a node, as mkbom does it
SMALL_PAGE: Final = 128
FILE, FOLDER = 1, 2
REGULAR: Final = 15  # said in full, and no machine code that must be known by its kind


@dataclass(slots=True)
class _Store:
    """Numbered blocks, and names of some of them."""

    blocks: list[bytes] = field(default_factory=lambda: [b""])  # the first is none
    names: list[tuple[str, int]] = field(default_factory=list)

    def add(self, data: bytes) -> int:
        self.blocks.append(data)
        return len(self.blocks) - 1

    def name(self, name: str, data: bytes) -> None:
        self.names.append((name, self.add(data)))

    def to_bytes(self) -> bytes:
        body, table, at = [], [], HEADER_ROOM
        for block in self.blocks:
            table.append(PAIR.pack(at if block else 0, len(block)))
            body.append(block)
            at += len(block)
        named = struct.pack(">I", len(self.names)) + b"".join(
            struct.pack(">IB", number, len(name)) + name.encode() for name, number in self.names
        )
        free = struct.pack(">I", 0) + PAIR.pack(0, 0) * 2
        index = struct.pack(">I", len(table)) + b"".join(table) + free
        head = HEADER.pack(
            b"BOMStore", 1, len(self.blocks) - 1, at + len(named), len(index), at, len(named)
        )
        return head.ljust(HEADER_ROOM, b"\0") + b"".join(body) + named + index


def pack(entries: Sequence[Entry]) -> bytes:
    """The bill of these entries, the root the first of them, all of them root's."""
    store = _Store()
    store.name("BomInfo", struct.pack(">IIIIIII", 1, len(entries) + 1, 1, 0, 0, _sum(entries), 0))
    pairs = _paths(store, entries)
    store.name("Paths", _tree(_nodes(store, pairs), len(pairs), PAGE))
    store.name("HLIndex", _tree(store.add(_node([], PAGE)), 0, PAGE))
    small = store.add(_tree(store.add(_node([], SMALL_PAGE)), 0, SMALL_PAGE))
    store.name("VIndex", struct.pack(">IIIB", 1, small, 0, 0))
    store.name("Size64", _tree(store.add(_node([], PAGE)), 0, PAGE))
    return store.to_bytes()


def _sum(entries: Sequence[Entry]) -> int:
    return sum(len(entry.read()) for entry in entries) & 0xFFFFFFFF


def _paths(store: _Store, entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """A pair of blocks for each entry, in the order of a tree: by parent's number, then name."""
    ordered = sorted(entries, key=lambda one: (_depth(one.name), one.name.split("/")))
    numbers = {entry.name: number for number, entry in enumerate(ordered, start=1)}
    pairs = []
    for entry in ordered:
        parent, _, name = entry.name.rpartition("/")
        above = 0 if entry.name == "." else numbers[parent or "."]
        info = store.add(_info(entry))
        key = store.add(struct.pack(">II", numbers[entry.name], info))
        pairs.append((key, store.add(struct.pack(">I", above) + name.encode() + b"\0")))
    return pairs


def _depth(name: str) -> int:
    return 0 if name == "." else 1 + name.count("/")


def _info(entry: Entry) -> bytes:
    content = entry.read()
    kind = FOLDER if entry.is_folder else FILE
    check = b"" if entry.is_folder else struct.pack(">I", cksum(content))
    said = INFO.pack(kind, 1, REGULAR, entry.type_and_mode, 0, 0, EPOCH, len(content), 1)
    return said + check + bytes(8)


def _nodes(store: _Store, pairs: list[tuple[int, int]]) -> int:
    """The number of the node that all pairs are below; leaves know their neighbours."""
    parts = [pairs[at : at + LEAVES] for at in range(0, len(pairs), LEAVES)]
    first = len(store.blocks)
    for place, part in enumerate(parts):
        after = first + place + 1 if place + 1 < len(parts) else 0
        before = first + place - 1 if place else 0
        store.add(_node(part, PAGE, after=after, before=before))
    if len(parts) == 1:
        return first
    above = [(first + place, part[-1][1]) for place, part in enumerate(parts)]
    return store.add(_node(above, max(PAGE, NODE.size + PAIR.size * len(above)), leaf=0))


def _node(
    pairs: list[tuple[int, int]], page: int, *, leaf: int = 1, after: int = 0, before: int = 0
) -> bytes:
    head = NODE.pack(leaf, len(pairs), after, before)
    return (head + b"".join(PAIR.pack(*pair) for pair in pairs)).ljust(page, b"\0")


def _tree(root: int, count: int, page: int) -> bytes:
    return TREE.pack(b"tree", 1, root, page, count, 0)


_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ONES: Final = 0xFFFFFFFF


def cksum(data: bytes) -> int:
    """The check of POSIX' `cksum`: a CRC over the bytes and their number.

    zlib's has the same polynomial with the bits of each byte the other way round, and inverts what
    it begins with.
    """
    length = len(data)
    told = length.to_bytes((length.bit_length() + 7) // 8, "little")
    register = zlib.crc32((data + told).translate(_MIRRORED), _ONES) ^ _ONES
    return int(f"{register:032b}"[::-1], 2) ^ _ONES
