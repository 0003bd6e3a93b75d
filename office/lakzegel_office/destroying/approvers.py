# SPDX-License-Identifier: EUPL-1.2
"""Whose key approves: an approver's own, docs/spec/office-keys.md §2."""

from __future__ import annotations

from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office.commands.common import Office
from lakzegel_office.keys.approving import approval_key
from lakzegel_office.replay import Replay


def approver_key(
    office: Office, replay: Replay, *, besides: VerifierKey | None = None
) -> SigningKey:
    """Return the key with which whoever runs this approves; never the one that signed already.

    Raises:
        UsageError: he is no approver, his key is not in force, or he is the first one himself.
    """
    in_force = replay.custody.require_delegation().approval
    return approval_key(office, in_force, besides=besides)
