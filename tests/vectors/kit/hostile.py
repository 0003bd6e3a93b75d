# SPDX-License-Identifier: EUPL-1.2
"""A log that no replay accepts: everything that a proof of one item must refuse to stand on."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache

from kit.otherlog import OtherLog, other_log
from kit.world import (
    ADMISSION,
    DELEGATION_NOTE,
    ENROLMENT,
    HELD,
    NOW,
    ORIGIN,
    STRANGER,
    TOKEN,
    device_key,
    enrolment,
    header,
    log,
)
from lakzegel_core.admission import sign_admission
from lakzegel_core.batch import Seen, sign_header
from lakzegel_core.enrolment import Enrolment, Reason, sign_enrolment
from lakzegel_core.finding import Finding, sign_finding
from lakzegel_core.revocation import Revocation, sign_revocation

OLD = device_key("header")


def _revoked(device: str) -> bytes:
    return sign_revocation(Revocation(ORIGIN, device, 0, None, "stolen", NOW), ENROLMENT)


def _enrolled(**changes: object) -> bytes:
    found: Enrolment = enrolment(*log()[:2], **changes)
    return sign_enrolment(found, device_key("header", 0, found.device), TOKEN)


@cache
def entries() -> dict[str, bytes]:
    """By name, in the order of the log."""
    base = log()
    new = device_key("header", 1)
    head = hashlib.sha256(base[5]).digest()
    restored = enrolment(*base, epoch=1, reason=Reason.RESTORED, previous=head)
    finding = Finding(ORIGIN, "test-laptop", 0, 0, head, "decrypt", (), None, NOW)
    return {
        **{f"base-{index}": entry for index, entry in enumerate(base)},
        "revocation": _revoked("test-laptop"),
        "revocation-of-phone": _revoked("test-phone"),
        "delegation-again": DELEGATION_NOTE,
        "expired": _enrolled(enrolled=NOW + timedelta(days=68)),
        "other-group": _enrolled(group="other-group"),
        "phone": _enrolled(device="test-phone"),
        "admission-by-stranger": sign_admission(ADMISSION, STRANGER),
        "finding": sign_finding(finding, HELD),
        "restored": sign_enrolment(restored, new, OLD),
        "header": base[4],
        "header-1": sign_header(header(*base[:4], epoch=1), new),
        "header-ahead": sign_header(header(*base[:4], seen=Seen(20, bytes(32))), OLD),
    }


@cache
def whole() -> OtherLog:
    return other_log(entries(), kept_as="hostile-log", after=3600)
