# SPDX-License-Identifier: EUPL-1.2
"""A log whose device replaces its keys twice, and what somebody with the old one adds to it."""

from __future__ import annotations

import hashlib
from functools import cache

from kit.otherlog import OtherLog, other_log
from kit.world import (
    STRANGER,
    TOKEN,
    device_key,
    enrolment,
    header,
    log,
)
from lakzegel_core import note
from lakzegel_core.batch import batch_id, sign_header
from lakzegel_core.enrolment import Reason, sign_enrolment
from lakzegel_core.keys import SigningKey

OLD, NEW, NEWER = (device_key("header", epoch) for epoch in range(3))


def rotated(*before: bytes, head: bytes | None, by: SigningKey = OLD, **changes: object) -> bytes:
    """The note that replaces the keys of epoch 0, after ``head``; signed by ``by``."""
    fields = {"epoch": 1, "reason": Reason.ROTATED, "previous": head, "known": head, **changes}
    found = enrolment(*before, **fields)
    return sign_enrolment(found, device_key("header", found.epoch), by)


@cache
def entries() -> dict[str, bytes]:
    """By name, in the order of the log; only the first nine would be let in."""
    base = log()
    head = batch_id(base[5])
    first = rotated(*base, head=head)
    one = header(*base, epoch=1, previous=hashlib.sha256(first).digest())
    header_1 = sign_header(one, NEW)
    made = [*base, first, header_1]
    second = rotated(*made, head=batch_id(header_1), by=NEW, epoch=2)
    two = header(*made, second, epoch=2, previous=hashlib.sha256(second).digest())
    return {
        **{f"base-{index}": entry for index, entry in enumerate(base)},
        "rotated": first,
        "header-1": header_1,
        "rotated-again": second,
        "header-2": sign_header(two, NEWER),
        "old-key": sign_header(header(*base, batch=2, previous=head), OLD),
        "old-key-in-1": note.sign(one.to_text(), [OLD]),
        "by-token": rotated(*base, head=head, by=TOKEN),
        "by-stranger": rotated(*base, head=head, by=STRANGER),
        "skipped": rotated(*made, head=batch_id(header_1), epoch=2),
    }


@cache
def whole() -> OtherLog:
    return other_log(entries(), kept_as="rotated-log", after=7200)
