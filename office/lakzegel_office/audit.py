# SPDX-License-Identifier: EUPL-1.2
"""Who opened what and why: `state/audit.jsonl`, each line chained to the one before.

    {"action":"open","at":"…Z","item":"d/0/3/17","n":4,"previous":"<b64>","reason":"…","user":"…"}

`previous` is the SHA-256 of the previous line without its end; of nothing for line 0. Canonical
JSON. A line is on disk before anything that it tells of is shown.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import b64, canonical_json, format_time, parse_canonical_json
from lakzegel_core.errors import FormatError
from lakzegel_office import durable
from lakzegel_office.errors import DoubtError

MAX_LINE: Final = 16_384  # bytes


def record(path: Path, *, action: str, item: str, reason: str, user: str, now: datetime) -> None:
    """Add one line, on disk before this returns.

    Raises:
        DoubtError: the log that is there is broken; nothing is added.
    """
    count, last = check(path)
    line = canonical_json(
        {
            "action": action,
            "at": format_time(now),
            "item": item,
            "n": count,
            "previous": b64(hashlib.sha256(last).digest()),
            "reason": reason,
            "user": user,
        }
    )
    durable.append_line(path, line)


def check(path: Path) -> tuple[int, bytes]:
    """Return the number of lines and the last one, every link proven.

    Raises:
        DoubtError: a line is not canonical, or does not follow from the one before.
    """
    count, last = 0, b""
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        if lines.pop() != b"":
            raise DoubtError(f"{path}: the last line is cut off")
        for line in lines:
            value = parse_canonical_json(line, what="audit line", max_size=MAX_LINE)
            expected = b64(hashlib.sha256(last).digest())
            if not isinstance(value, dict) or (value.get("n"), value.get("previous")) != (
                count,
                expected,
            ):
                raise DoubtError(f"{path}: line {count + 1} does not follow from the one before")
            count, last = count + 1, line
    except FormatError as error:
        raise DoubtError(f"{path}: line {count + 1}: {error}") from error
    return count, last
