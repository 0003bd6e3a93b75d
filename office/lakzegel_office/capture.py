# SPDX-License-Identifier: EUPL-1.2
"""Reading what a `capture` item states: one version of one file, as segments in order.

    {"file":"<32 hex>","mode":420,"mtime":"<ns>","segments":[[epoch,batch,index,size,"<b64>"],…],
     "size":n,"version":n}

The path is in the item's context, as text or as base64 of its bytes. docs/spec/item.md §4.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lakzegel_core.encoding import unb64
from lakzegel_core.errors import FormatError

_FILE: Final = re.compile(r"[0-9a-f]{32}")
_MTIME: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_FIELDS: Final = {"file", "mode", "mtime", "segments", "size", "version"}
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
class Capture:
    """One version of one file."""

    file: str
    version: int
    size: int
    mode: int
    mtime: int
    segments: tuple[SegmentRef, ...]


def read_capture(payload: Mapping[str, Any]) -> Capture:
    """Return what a capture states.

    Raises:
        FormatError: a field is missing, unknown or of another type, or the sizes do not add up.
    """
    if set(payload) != _FIELDS:
        raise FormatError("capture", f"fields are not exactly {', '.join(sorted(_FIELDS))}")
    file, mtime = payload["file"], payload["mtime"]
    if not (isinstance(file, str) and _FILE.fullmatch(file)):
        raise FormatError("capture", "file is not 32 hexadecimal digits")
    if not (isinstance(mtime, str) and _MTIME.fullmatch(mtime)):
        raise FormatError("capture", "mtime is not a number of nanoseconds")
    if not isinstance(payload["segments"], list):
        raise FormatError("capture", "segments is not a list")
    segments = tuple(_segment(row) for row in payload["segments"])
    size = _count(payload["size"], "size")
    if sum(segment.size for segment in segments) != size:
        raise FormatError("capture", "the segments' sizes do not add up to the file's")
    return Capture(
        file=file,
        version=_count(payload["version"], "version"),
        size=size,
        mode=_count(payload["mode"], "mode"),
        mtime=int(mtime),
        segments=segments,
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


def _segment(row: object) -> SegmentRef:
    if not (isinstance(row, list) and len(row) == len(SegmentRef.__slots__)):
        raise FormatError("capture", "a segment is not a list of five")
    epoch, batch, index, size = (_count(value, "segment") for value in row[:4])
    if not isinstance(row[4], str):
        raise FormatError("capture", "a segment's commitment is not base64")
    unb64(row[4], what="commitment", size=_DIGEST_SIZE)
    return SegmentRef(epoch, batch, index, size, row[4])


def _count(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FormatError("capture", f"{name} is not a number from 0")
    return value
