# SPDX-License-Identifier: EUPL-1.2
"""What was there before a term of office began: counted, never opened (docs/spec/terms.md §3.1).

mtime and ctime both before `begins`   excluded, before-term
a chat store of which a write-ahead log changed since    as any other
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from lakzegel_agent.scan import Found, FoundFile, FoundOther

REASON: Final = "before-term"
_LOGS: Final = (b"-wal", b"-journal")  # beside a database, with what it does not hold yet
_NANO: Final = 10**9


def nanoseconds(at: datetime | None) -> int:
    """Return a moment as file systems have it; 0 where there is none."""
    return 0 if at is None else int(at.timestamp()) * _NANO


def since(
    found: Iterable[Found], begins: int, root: bytes, is_part: Callable[[bytes], bool] | None
) -> Iterator[Found]:
    """Yield what was found, each file that was last changed before ``begins`` as left out.

    ``is_part`` says which files belong to a chat store beside them: the store decides on those.
    """
    for one in found:
        old = isinstance(one, FoundFile) and _changed(one) < begins
        if old and is_part is not None:
            old = not is_part(one.path) and _logged(root, one.path) < begins
        yield FoundOther(one.path, "excluded", REASON) if old else one


def _changed(file: FoundFile) -> int:
    """Return when content or inode were last changed: a program can set the former alone."""
    return max(file.mtime_ns, file.ctime_ns)


def _logged(root: bytes, path: bytes) -> int:
    """Return when a log beside a store was last changed; 0 where there is none."""
    times = [0]
    for ending in _LOGS:
        try:
            told = os.lstat(root + b"/" + path + ending)
        except OSError:
            continue
        times.append(max(told.st_mtime_ns, told.st_ctime_ns))
    return max(times)
