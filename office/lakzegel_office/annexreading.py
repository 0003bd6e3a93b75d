# SPDX-License-Identifier: EUPL-1.2
"""The annexes of a policy, read with what whoever runs this can open."""

import hashlib
from collections.abc import Mapping

from lakzegel_core import limits
from lakzegel_core.annex import Annex, open_annex
from lakzegel_core.errors import LakzegelError
from lakzegel_core.policy import Policy
from lakzegel_office.annexes import own_annex
from lakzegel_office.commands.common import Office
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.mirror import read_limited


def readable_annexes(
    office: Office, policy: Policy, fresh: Mapping[str, bytes]
) -> dict[str, Annex | None]:
    """Return a policy's annexes by device; None where one is not here, or not for who runs this.

    Args:
        office: unlocked; its period keys open annexes, and a privacy officer's own key does.
        policy: names them by their hashes.
        fresh: annexes by device that were sealed a moment ago.
    """
    identities = [key.identity for key in period_keys(office.vault, office.config.periods)]
    if office.staff is not None:
        identities += office.staff.own.masters
    found: dict[str, Annex | None] = {}
    for device, digest in policy.annexes.items():
        data = fresh.get(device) or _stored(office, digest.hex())
        found[device] = None
        if data is not None and hashlib.sha256(data).digest() == digest and identities:
            try:
                found[device] = open_annex(data, identities, device=device)
            except LakzegelError:
                continue
    return found


def _stored(office: Office, digest: str) -> bytes | None:
    own = own_annex(office.home, digest)
    if own is not None:
        return own
    try:
        return read_limited(office.home.mirror / "annexes" / digest, limits.MAX_ANNEX)
    except FileNotFoundError:
        return None
