# SPDX-License-Identifier: EUPL-1.2
"""What the agent observes while it captures, as the payloads of observations.

    {"files":[{"file":"<32 hex>","path":"cur/1"}],"type":"vanished"}
    {"files":[{"path":"a"}],"reason":"unreadable","type":"failed"}
    {"files":[{"path":"a"}],"type":"vanished-uncaptured"}
    {"folders":["leeg",{"path64":"…"}],"type":"folders"}

A path is a text, or {"path64": base64} where it is not UTF-8. docs/spec/ledger.md §6.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from lakzegel_core.encoding import JsonValue, b64, canonical_json

MANY: Final = 500  # files an observation names; more are said in another one
VANISHED: Final = "vanished"
_Row = TypeVar("_Row")


def path_value(path: bytes) -> JsonValue:
    """Return a path as JSON can carry it, byte for byte."""
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        return {"path64": b64(path)}


def vanished(files: Sequence[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yield what says that captured files, by name and path, are no longer there."""
    for some in _some(files):
        rows = [{"file": name.hex(), "path": path_value(path)} for name, path in some]
        yield canonical_json({"files": list(rows), "type": "vanished"})


def failed(reason: str, paths: Sequence[bytes]) -> Iterator[bytes]:
    """Yield what says that files could not be captured, and why."""
    for some in _some(paths):
        rows = [{"path": path_value(path)} for path in some]
        value: dict[str, JsonValue] = {"files": list(rows), "type": "failed", "reason": reason}
        if reason == VANISHED:
            value = {"files": list(rows), "type": "vanished-uncaptured"}
        yield canonical_json(value)


def folders(paths: Sequence[bytes]) -> bytes:
    """Return what lists the folders of a source that hold no captured file."""
    return canonical_json({"folders": [path_value(path) for path in paths], "type": "folders"})


def _some(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    for start in range(0, len(rows), MANY):
        yield rows[start : start + MANY]
