# SPDX-License-Identifier: EUPL-1.2
"""The kinds of entry that a log may hold (docs/spec/entries.md)."""

from __future__ import annotations

from typing import Final

from lakzegel_core import (
    admission,
    delegation,
    enrolment,
    fields,
    finding,
    hold,
    keyringchange,
    policy,
    revocation,
    succession,
    trail,
    withdrawal,
)
from lakzegel_core.admission import Admission
from lakzegel_core.batch import Header
from lakzegel_core.delegation import Delegation
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.finding import Finding
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.limits import MAX_NOTE
from lakzegel_core.policy import Policy
from lakzegel_core.revocation import Revocation
from lakzegel_core.succession import Succession
from lakzegel_core.trail import Trail
from lakzegel_core.withdrawal import Withdrawal

BATCH: Final = "batch"
KINDS: Final = (
    BATCH,
    delegation.KIND,
    admission.KIND,
    enrolment.KIND,
    policy.KIND,
    revocation.KIND,
    finding.KIND,
    keyringchange.KIND,
    hold.HOLD,
    hold.TERM,
    succession.KIND,
    trail.KIND,
    withdrawal.KIND,
)
Entry = (
    Header | Delegation | Admission | Enrolment | Policy | Revocation | Finding
    | KeyringChange | Mark | Succession | Trail | Withdrawal
)  # fmt: skip


def kind_of(data: bytes) -> str:
    """The kind of entry that a note states to be; nothing is verified.

    Raises:
        LimitError: larger than a log entry can be.
        FormatError: not a kind that a log may hold.
    """
    if len(data) > MAX_NOTE:
        raise LimitError("log entry", f"{len(data)} bytes, at most {MAX_NOTE}")
    kind = fields.kind_of_text(data)
    if kind not in KINDS:
        raise FormatError("log entry", f"a log holds no {kind}")
    return kind
