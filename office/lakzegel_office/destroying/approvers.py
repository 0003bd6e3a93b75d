# SPDX-License-Identifier: EUPL-1.2
"""Whose key approves: the one place that knows where approval keys are kept."""

from __future__ import annotations

from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office.commands.common import Office
from lakzegel_office.config import APPROVAL_KEYS
from lakzegel_office.errors import UsageError
from lakzegel_office.replay import Replay


def approver_key(
    office: Office, replay: Replay, *, besides: VerifierKey | None = None
) -> SigningKey:
    """Return the key with which whoever runs this approves; never the one that signed already.

    Raises:
        UsageError: there is none here, or it is not in force in the mirrored log.
    """
    in_force = replay.custody.require_delegation().approval
    for name in APPROVAL_KEYS:
        expected = office.config.keys[name]
        if expected != besides and expected in in_force and office.vault.has(name):
            return office.vault.signer(name, expected)
    raise UsageError("no approval key here that is in force and has not signed this already")
