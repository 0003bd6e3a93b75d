# SPDX-License-Identifier: EUPL-1.2
"""What a monitor remembers between two looks, and the evidence that it keeps (monitor.md §3).

edge
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

log.example/lakzegel
1
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— log.example/lakzegel P6nB0g...
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError, RootMismatchError
from lakzegel_core.limits import DIGEST, MAX_CHECKPOINT
from lakzegel_core.merkle import Frontier
from lakzegel_verify.durable import write_file
from lakzegel_verify.following import Seen

MAX_STATE: Final = MAX_CHECKPOINT + 4096  # bytes; the edge of 2^40 entries has 40 hashes
_EDGE: Final = "edge"


def read_seen(path: Path, keys: LogKeys) -> Seen | None:
    """What was seen last; None before the first time.

    Raises:
        LakzegelError: the file is not what was written.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_STATE + 1)
    except FileNotFoundError:
        return None
    head, blank, note = data.partition(b"\n\n")
    first, *rest = head.decode("ascii", "replace").split("\n")
    if not blank or first != _EDGE:
        raise FormatError("state", "not what a monitor keeps")
    signed = open_checkpoint(note, keys)
    hashes = [unb64(line, what="state", size=DIGEST) for line in rest]
    edge = Frontier.from_hashes(signed.checkpoint.size, hashes)
    if edge.root() != signed.checkpoint.root:
        raise RootMismatchError("state: its edge is not that of its checkpoint")
    return Seen(signed, edge)


def write_seen(path: Path, seen: Seen) -> None:
    """Remember, durably."""
    lines = [_EDGE, *(b64(one) for one in seen.edge.to_hashes()), "", ""]
    write_file(path, "\n".join(lines).encode() + seen.signed.data)


def keep_evidence(path: Path, checkpoints: Sequence[bytes]) -> Path:
    """The folder beside the state where these checkpoints are now, each under its SHA-256."""
    folder = path.with_name(f"{path.name}.evidence")
    for data in checkpoints:
        write_file(folder / hashlib.sha256(data).hexdigest(), data)
    return folder
