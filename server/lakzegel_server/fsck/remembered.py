# SPDX-License-Identifier: EUPL-1.2
"""How far a check found nothing: one line in ``DATA/checked`` (docs/spec/storage.md §6).

1042 CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import DIGEST
from lakzegel_server.durable import replace_file
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.layout import Layout

PLACE: Final = "checked"
_MAX: Final = 128  # bytes


def recall(found: Survey, roots: dict[int, bytes]) -> int:
    """The size up to which a check found nothing; 0 when none did, or of another log than this."""
    if PLACE not in found.files:
        return 0
    data = found.read(PLACE, _MAX) or b""
    try:
        size_text, _, root_text = data.decode().removesuffix("\n").partition(" ")
        size = parse_decimal(size_text, what="size")
        if roots.get(size) == unb64(root_text, what="root", size=DIGEST):
            return size
    except (UnicodeDecodeError, LakzegelError):
        pass
    found.doubt(PLACE, "not of this log; take it away, and everything is checked anew")
    return 0


def remember(layout: Layout, size: int, root: bytes) -> None:
    """Write down that a check of this tree found nothing; DATA's owner can read it.

    Raises:
        OSError: it cannot be written.
    """
    path = layout.data / PLACE
    replace_file(path, f"{size} {b64(root)}\n".encode(), work=layout.incoming)
    owner = layout.data.stat()
    with suppress(PermissionError):
        os.chown(path, owner.st_uid, owner.st_gid)
