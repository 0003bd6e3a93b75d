# SPDX-License-Identifier: EUPL-1.2
"""What stays of a segment that must go: sealed by the office, with where it comes from.

docs/spec/disposal.md §4. An age file over a line of canonical JSON and the pieces' bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lakzegel_core import age
from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64, canonical_json, parse_canonical_json, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.item import Item
from lakzegel_core.limits import MAX_JSON, MAX_SEGMENT
from lakzegel_core.merkle import leaf_hash
from lakzegel_office.collection.parsers.zips import packed
from lakzegel_office.collection.parsing import CUT
from lakzegel_office.errors import DoubtError
from lakzegel_office.mirror import read_limited
from lakzegel_office.names import ItemId

KIND: Final = "lakzegel.nl/extract/v1"
FILLER: Final = b"\n"  # in the place of what was destroyed: blank in every format that is cut
MAX_HEAD: Final = 16 << 20  # bytes of the line
MAX_EXTRACT: Final = MAX_SEGMENT + MAX_HEAD + MAX_JSON
MAX_SEALED: Final = MAX_EXTRACT + (MAX_EXTRACT >> 10) + MAX_JSON  # with what encryption adds
_BLIND: Final = 16

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Packed:
    """A member of an archive: what that calls it, and the segments that it was cut into."""

    name: bytes
    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class Extract:
    """What stays of one segment, and what the segment said of itself."""

    item: ItemId
    source: str
    context: Mapping[str, Any]
    commitment: str
    core: str  # base64 leaf hash of its core
    proposal: str
    size: int  # bytes of the segment, or of what its member gives unpacked
    pieces: Mapping[Range, bytes]
    member: Packed | None = None  # pieces are of what that gives unpacked
    gone: tuple[str, ...] = ()  # names of the units that went from it

    def payload(self) -> bytes:
        """Return the segment with blanks in the place of what was destroyed.

        Of a member of an archive one that is stored, and has neither time nor CRC.
        """
        if self.member is None:
            return self.inside()
        return packed(self.member.name, self.inside(), but=CUT)

    def inside(self) -> bytes:
        """Return what the pieces are of, with blanks in the place of what was destroyed."""
        data = bytearray(FILLER * self.size)
        for (start, end), piece in self.pieces.items():
            data[start:end] = piece
        return bytes(data)


def extract_of(item: ItemId, opened: Item, ranges: Sequence[Range], proposal: str) -> Extract:
    """Return what stays of a segment.

    It says nothing that confirms what is not in it: of the core only its leaf hash, for that has
    the digest of the whole.
    """
    return Extract(
        item=item,
        source=opened.source,
        context=opened.context,
        commitment=b64(opened.commitment),
        core=b64(leaf_hash(opened.core_bytes)),
        proposal=proposal,
        size=len(opened.payload),
        pieces={(start, end): opened.payload[start:end] for start, end in ranges},
    )


def of_member(extract: Extract, member: Packed, inside: bytes, ranges: Sequence[Range]) -> Extract:
    """Return what stays of a member of an archive, in what it gives unpacked."""
    pieces = {(start, end): inside[start:end] for start, end in ranges}
    return replace(extract, member=member, size=len(inside), pieces=pieces)


def narrowed(extract: Extract, ranges: Sequence[Range], proposal: str) -> Extract:
    """Return what stays of an extract."""
    inside = extract.inside()
    pieces = {(start, end): inside[start:end] for start, end in ranges}
    return replace(extract, pieces=pieces, proposal=proposal)


def without_names(extract: Extract, gone: Iterable[str]) -> Extract:
    """Return an extract that says which units went from it, these and those before."""
    return replace(extract, gone=tuple(sorted({*extract.gone, *gone})))


def encode_extract(extract: Extract, random: Callable[[int], bytes]) -> bytes:
    """Return what is sealed; its SHA-256 confirms no guess."""
    head: Any = {
        "blind": b64(random(_BLIND)),
        "commitment": extract.commitment,
        "context": extract.context,
        "core": extract.core,
        "gone": list(extract.gone),
        "item": str(extract.item),
        "kind": KIND,
        "pieces": [list(piece) for piece in extract.pieces],
        "proposal": extract.proposal,
        "size": extract.size,
        "source": extract.source,
    }
    if extract.member is not None:
        items = [str(item) for item in extract.member.items]
        head["member"] = {"items": items, "name": b64(extract.member.name)}
    return canonical_json(head) + b"\n" + b"".join(extract.pieces.values())


def open_extract(data: bytes, identities: Sequence[Identity]) -> Extract:
    """Return what an extract holds.

    Raises:
        DoubtError: it cannot be opened, or is none.
    """
    try:
        plain = age.decrypt(data, identities, max_size=MAX_EXTRACT)
        line, _, rest = plain.partition(b"\n")
        head: Any = parse_canonical_json(line, what="extract", max_size=MAX_HEAD)
        ranges = [(int(start), int(end)) for start, end in head["pieces"]]
        if head["kind"] != KIND or not _is_ordered(ranges, head["size"], len(rest)):
            raise DoubtError("extract: not one")
        item = ItemId.parse(head["item"])
        said = (head["source"], head["context"], head["commitment"], head["core"])
        pieces, member, gone = _cut(rest, ranges), _packed(head.get("member")), head["gone"]
        made = Extract(item, *said, head["proposal"], head["size"], pieces, member)
        return without_names(made, map(str, gone))
    except (LakzegelError, KeyError, TypeError, ValueError) as error:
        raise DoubtError(f"extract: cannot be opened: {type(error).__name__}") from error


def read_extract(path: Path, identities: Sequence[Identity]) -> Extract:
    """Return what the extract in a file holds.

    Raises:
        DoubtError: it cannot be opened, or is none.
        FileNotFoundError: it is not there.
    """
    data = read_limited(path, MAX_SEALED)
    try:
        return open_extract(data, identities)
    except DoubtError as error:
        raise DoubtError(f"{path}: {error}") from error


def _packed(row: Mapping[str, Any] | None) -> Packed | None:
    if row is None:
        return None
    items = tuple(ItemId.parse(item) for item in row["items"])
    return Packed(unb64(row["name"], what="name"), items)


def _is_ordered(ranges: Sequence[Range], size: int, length: int) -> bool:
    flat = [0, *(place for piece in ranges for place in piece), size]
    return flat == sorted(flat) and sum(end - start for start, end in ranges) == length


def _cut(data: bytes, ranges: Sequence[Range]) -> dict[Range, bytes]:
    found, position = {}, 0
    for start, end in ranges:
        found[start, end] = data[position : position + end - start]
        position += end - start
    return found
