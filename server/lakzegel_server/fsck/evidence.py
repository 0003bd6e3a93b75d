# SPDX-License-Identifier: EUPL-1.2
"""Signed checkpoints that contradict each other: there only when the log forked."""

from __future__ import annotations

import hashlib

from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_server.fsck.doubts import Survey


def check_evidence(found: Survey, keys: LogKeys) -> None:
    """A fork is a doubt; what proves it is as it was kept."""
    if "ahead" in found.files:
        found.doubt("ahead", "this log signed a larger tree than DATA has; 'serve' catches up")
        _check_signed(found, "ahead", found.read("ahead", MAX_CHECKPOINT) or b"", keys)
    kept = sorted(place for place in found.files if place.startswith("evidence/"))
    if kept:
        found.doubt("evidence", "this log forked: two signed checkpoints contradict each other")
    for place in kept:
        data = found.read(place, MAX_CHECKPOINT) or b""
        if hashlib.sha256(data).hexdigest() != place.removeprefix("evidence/"):
            found.doubt(place, "its SHA-256 is not its name")
            continue
        _check_signed(found, place, data, keys)


def _check_signed(found: Survey, place: str, data: bytes, keys: LogKeys) -> None:
    try:
        open_checkpoint(data, keys)
    except LakzegelError as error:
        found.doubt(place, str(error))
