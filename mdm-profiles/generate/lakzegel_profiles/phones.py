# SPDX-License-Identifier: EUPL-1.2
"""Phones that are read out: pairing with the sync host alone, and encrypted backups.

Not run on a real device: after Apple's published schemas of restrictions and of enrolment.
docs/spec/readout.md §7
"""

from __future__ import annotations

import base64
import json
from typing import Final

from lakzegel_profiles.apple import Payload, profile
from lakzegel_profiles.site import EXAMPLE_AUTHORITY, Site, authority_of

RESTRICTIONS: Final = "com.apple.applicationaccess"


def files(site: Site) -> dict[str, bytes]:
    """The restrictions, and what goes into the enrolment by which a phone becomes supervised."""
    return {
        "phones/iphone.mobileconfig": iphone(site),
        "phones/enrolment-profile.json": enrolment(site),
    }


def iphone(site: Site) -> bytes:
    """No host but the supervising one, and no backup that can be read without its password."""
    title = {"nl": "Uitlezen van deze telefoon", "en": "Read-out of this phone"}[site.language]
    content = {"allowHostPairing": False, "forceEncryptedBackup": True}
    payload = Payload(RESTRICTIONS, "restrictions", title, content)
    return profile("iphone", f"Lakzegel: {title}", title, [payload], site, scope=None)


def enrolment(site: Site) -> bytes:
    """What an enrolment profile of Automated Device Enrolment needs of it, to be merged in."""
    host = site.host or authority_of(EXAMPLE_AUTHORITY)
    whole = {
        "is_supervised": True,
        "allow_pairing": False,
        "supervising_host_certs": [base64.b64encode(host).decode()],
    }
    return (json.dumps(whole, indent=2) + "\n").encode()
