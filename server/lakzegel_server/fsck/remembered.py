# SPDX-License-Identifier: EUPL-1.2
"""How far a check found nothing: one line in ``DATA/checked`` (docs/spec/storage.md §6).

1042 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

Beside it, as ``checked.savepoint``, what the log proved up to there: the next one goes on from it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from lakzegel_core import savepoint
from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import DIGEST
from lakzegel_core.merkle import Frontier
from lakzegel_core.savepoint import Restored
from lakzegel_server.durable import replace_file
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.log import Roots
from lakzegel_server.fsck.report import Report
from lakzegel_server.fsck.savepoint import CHECKED
from lakzegel_server.layout import Layout
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import Savepoints, blocks_of, read_savepoint

PLACE: Final = "checked"
_MAX: Final = 128  # bytes


def recall(found: Survey, roots: Roots) -> int:
    """The size up to which a check found nothing; 0 when none did, or of another log than this."""
    if PLACE not in found.files:
        return 0
    stated = _stated(found)
    if stated is not None and roots.get(stated[0]) == stated[1]:
        return stated[0]
    found.doubt(PLACE, "not of this log; take it away, and everything is checked anew")
    return 0


def stated_size(found: Survey) -> int | None:
    """The size that the line states, when the savepoint beside it is of the same tree."""
    stated = _stated(found)
    path = found.data / CHECKED
    try:
        head = savepoint.peek(blocks_of(path))
    except (LakzegelError, OSError):
        return None
    return head.size if (head.size, head.root) == stated else None


def go_on(found: Survey, origin: str, tree: Frontier, store: LogStore) -> Restored | None:
    """What the log proved up to there, when it is the beginning of the log that is here now."""
    try:
        restored = read_savepoint(found.data / CHECKED, origin, tree, store)
    except (LakzegelError, OSError):
        return None
    found.claimed.add(CHECKED)
    return restored


def remember(layout: Layout, report: Report, end: Restored) -> None:
    """Write down that a check of this tree found nothing; DATA's owner can read it.

    Raises:
        OSError: it cannot be written.
    """
    kept = layout.data / CHECKED
    saving = Savepoints(
        kept, layout.incoming, LogStore.of(layout.stores, layout.log, layout.incoming)
    )
    if report.fresh:
        saving.know(report.since)
    saving.write(saving.begin(end.custody, end.edge))
    line = f"{end.edge.size} {b64(end.edge.root())}\n"
    replace_file(layout.data / PLACE, line.encode(), work=layout.incoming)
    owner = layout.data.stat()
    for path in (kept, layout.data / PLACE):
        with suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _stated(found: Survey) -> tuple[int, bytes] | None:
    """Size and root of the line; None when it is none."""
    if PLACE not in found.files:
        return None
    data = found.read(PLACE, _MAX) or b""
    try:
        size_text, _, root_text = data.decode().removesuffix("\n").partition(" ")
        return parse_decimal(size_text, what="size"), unb64(root_text, what="root", size=DIGEST)
    except (UnicodeDecodeError, LakzegelError):
        return None
