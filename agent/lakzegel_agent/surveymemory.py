# SPDX-License-Identifier: EUPL-1.2
"""What the ledger remembers of a store that was surveyed (docs/spec/conversations.md §3).

    {"conversations":[[path, key, size, segments, mtime, mark, people, media, oldest, messages], …],
     "mark":"…"}

Paths and marks are base64. It is a value of the ledger's, encrypted there, and only of use: one
that cannot be read costs a survey.
"""

import json
import os
from base64 import b64decode
from collections.abc import Sequence
from typing import Final

from lakzegel_agent.ledgercipher import Keyed
from lakzegel_agent.sealing.jobs import Stat
from lakzegel_agent.sealing.surveys import Surveyed
from lakzegel_core.encoding import b64

FORMAT: Final = 2  # of this, and of how conversations are rendered: another surveys all again
_LOG: Final = b"-wal"


def state_of(path: bytes, key: bytes) -> tuple[bytes, int] | None:
    """Return a store's own mark, over it and its log, and when either changed last in ns.

    None: it is not there.
    """
    marks, newest = list[bytes](), 0
    for file in (path, path + _LOG):
        try:
            told = Stat.of(os.lstat(file))
        except OSError:
            if file == path:
                return None
            marks.append(b"")
            continue
        marks.append(told.mark(key))
        newest = max(newest, told.mtime, told.ctime)
    return Keyed(key).digest(b"store\0" + b"\0".join(marks))[:16], newest


def name_of(label: str, path: bytes) -> str:
    """Return under what name the ledger remembers the survey of a source's store."""
    return f"survey/{FORMAT}/{label}/{path.hex()}"


def pack(mark: bytes, found: Sequence[Surveyed]) -> bytes:
    """Return what the ledger remembers."""
    rows = [
        [
            b64(one.path),
            one.key,
            one.size,
            one.segments,
            one.mtime,
            b64(one.mark),
            None if one.people is None else sorted(one.people),
            [b64(path) for path in one.media],
            one.oldest,
            one.messages,
        ]
        for one in found
    ]
    return json.dumps({"conversations": rows, "mark": b64(mark)}).encode()


def unpack(data: bytes | None) -> tuple[bytes, tuple[Surveyed, ...]]:
    """Return a store's mark and conversations; no mark where nothing is remembered."""
    if data is None:
        return b"", ()
    value = json.loads(data)
    return b64decode(value["mark"]), tuple(_surveyed(*row) for row in value["conversations"])


def _surveyed(  # noqa: PLR0913, PLR0917  # a row of ten
    path: str,
    key: str,
    size: int,
    segments: int,
    mtime: int,
    mark: str,
    people: list[str] | None,
    media: list[str],
    oldest: int,
    messages: int,
) -> Surveyed:
    return Surveyed(
        b64decode(path),
        key,
        size,
        segments,
        mtime,
        b64decode(mark),
        None if people is None else frozenset(people),
        tuple(b64decode(one) for one in media),
        oldest,
        messages,
    )
