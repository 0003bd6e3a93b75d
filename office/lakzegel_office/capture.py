# SPDX-License-Identifier: EUPL-1.2
"""Reading what a `capture` item states: one version of one file, as segments in order.

    {"file":"<32 hex>","mode":420,"mtime":"<ns>","segments":[[epoch,batch,index,size,"<b64>"],…],
     "size":n,"version":n}

One that builds on another has a `base`, and among its segments stretches of the base's. The path
is in the item's context, as text or as base64 of its bytes. docs/spec/item.md §5
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from lakzegel_core.encoding import unb64
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.limits import MAX_SEGMENTS

_FILE: Final = re.compile(r"[0-9a-f]{32}")
_MTIME: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_FIELDS: Final = {"file", "mode", "mtime", "segments", "size", "version"}
_STRETCH: Final = 3  # numbers
_DIGEST_SIZE: Final = 32


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """One piece of a file: where it was sealed, how long it is, what it commits to."""

    epoch: int
    batch: int
    index: int
    size: int
    commitment: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Segments that the base names: the number of the first, how many, their bytes."""

    first: int
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class BaseRef:
    """The capture that one builds on: where it was sealed, and what it commits to."""

    epoch: int
    batch: int
    index: int
    commitment: str


@dataclass(frozen=True, slots=True)
class Capture:
    """One version of one file; ``parts`` in order are the file."""

    file: str
    version: int
    size: int
    mode: int
    mtime: int
    parts: tuple[SegmentRef | Stretch, ...]
    base: BaseRef | None = None

    def named(self) -> Iterator[SegmentRef]:
        """Yield the segments that it names itself."""
        return (part for part in self.parts if isinstance(part, SegmentRef))

    def segments(self, base: Self | None) -> Iterator[SegmentRef]:
        """Yield every segment in order; ``base`` is what ``self.base`` names, or None without one.

        Raises:
            FormatError: that is no base of this one, or has not what a stretch says.
        """
        rows = () if base is None else _bare(self, base)
        for part in self.parts:
            if isinstance(part, SegmentRef):
                yield part
                continue
            taken = rows[part.first : part.first + part.count]
            if len(taken) != part.count or sum(row.size for row in taken) != part.size:
                raise FormatError("capture", "its base has not the stretch that it names")
            yield from taken


def read_capture(payload: Mapping[str, Any]) -> Capture:
    """Return what a capture states.

    Raises:
        FormatError: a field is missing, unknown or of another type, or the sizes do not add up.
        LimitError: it names too many segments.
    """
    if payload.keys() - {"base"} != _FIELDS:
        raise FormatError("capture", f"fields are not exactly {', '.join(sorted(_FIELDS))}")
    file, mtime = payload["file"], payload["mtime"]
    if not (isinstance(file, str) and _FILE.fullmatch(file)):
        raise FormatError("capture", "file is not 32 hexadecimal digits")
    if not (isinstance(mtime, str) and _MTIME.fullmatch(mtime)):
        raise FormatError("capture", "mtime is not a number of nanoseconds")
    if not isinstance(payload["segments"], list):
        raise FormatError("capture", "segments is not a list")
    parts = tuple(_part(row) for row in payload["segments"])
    size = _count(payload["size"], "size")
    if sum(part.size for part in parts) != size:
        raise FormatError("capture", "the segments' sizes do not add up to the file's")
    version = _count(payload["version"], "version")
    base = _base(payload["base"]) if "base" in payload else None
    _require_base(parts, version, base)
    return Capture(
        file=file,
        version=version,
        size=size,
        mode=_count(payload["mode"], "mode"),
        mtime=int(mtime),
        parts=parts,
        base=base,
    )


def read_path(context: Mapping[str, Any]) -> bytes:
    """Return the path's bytes, exactly as the device saw them; nothing is judged.

    Raises:
        FormatError: there is none, or more than one.
    """
    if ("path" in context) == ("path64" in context):
        raise FormatError("context", "exactly one of path and path64 must be there")
    return path_bytes(context.get("path", {"path64": context.get("path64")}))


def path_bytes(value: object) -> bytes:
    """Return the bytes of a path that is a text, or `{"path64": base64}`.

    Raises:
        FormatError: it is neither.
    """
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict) and set(value) == {"path64"} and isinstance(value["path64"], str):
        return unb64(value["path64"], what="path64")
    raise FormatError("path", "neither a text nor base64 of bytes")


def _bare(built: Capture, base: Capture) -> tuple[SegmentRef, ...]:
    """Return the segments of a base; it may have none itself."""
    if base.base is not None:
        raise FormatError("capture", "its base builds on another")
    if base.file != built.file or base.version >= built.version:
        raise FormatError("capture", "its base is no earlier version of the file")
    return tuple(base.named())


def _require_base(
    parts: tuple[SegmentRef | Stretch, ...], version: int, base: BaseRef | None
) -> None:
    """Refuse stretches of nothing, a base for nothing, and more segments than anybody has."""
    counts = [part.count for part in parts if isinstance(part, Stretch)]
    if len(parts) - len(counts) + sum(counts) > MAX_SEGMENTS:
        raise LimitError("capture", f"more than {MAX_SEGMENTS} segments")
    if bool(counts) != (base is not None):
        raise FormatError("capture", "a base without a stretch of it, or a stretch without a base")
    if base is not None and not version:
        raise FormatError("capture", "the first version builds on another")


def _part(row: object) -> SegmentRef | Stretch:
    if isinstance(row, list) and len(row) == _STRETCH:
        first, count, size = (_count(value, "stretch") for value in row)
        if not count:
            raise FormatError("capture", "a stretch of no segments")
        return Stretch(first, count, size)
    if not (isinstance(row, list) and len(row) == len(SegmentRef.__slots__)):
        raise FormatError("capture", "a segment is not a list of five, nor of three")
    epoch, batch, index, size = (_count(value, "segment") for value in row[:4])
    return SegmentRef(epoch, batch, index, size, _commitment(row[4]))


def _base(row: object) -> BaseRef:
    if not (isinstance(row, list) and len(row) == len(BaseRef.__slots__)):
        raise FormatError("capture", "base is not a list of four")
    epoch, batch, index = (_count(value, "base") for value in row[:3])
    return BaseRef(epoch, batch, index, _commitment(row[3]))


def _commitment(value: object) -> str:
    if not isinstance(value, str):
        raise FormatError("capture", "a commitment is not base64")
    unb64(value, what="commitment", size=_DIGEST_SIZE)
    return value


def _count(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FormatError("capture", f"{name} is not a number from 0")
    return value
