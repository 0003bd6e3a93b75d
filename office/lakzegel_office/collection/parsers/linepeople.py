# SPDX-License-Identifier: EUPL-1.2
"""People as the chat stores call them, and plain values of their heads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from lakzegel_office.collection.model import Party

ME: Final = "me"
OWNER: Final = Party("", "", "owner")
_NUMBER: Final = re.compile(r"(\d{6,15})(?::\d+)?@s\.whatsapp\.net\Z")
_PHONE: Final = re.compile(r"(?:\+|00)([\d ().-]{6,30})\Z")


def whatsapp_party(jid: str, name: str = "", role: str = "member") -> Party:
    """Return a person of WhatsApp."""
    found = _NUMBER.match(jid)
    return Party(f"tel:+{found[1]}" if found else f"id:{jid}" if jid else "", name, role)


def party_of(address: str, name: str = "", role: str = "member") -> Party:
    """Return a person by a number, an address or what a service calls him."""
    phone = _PHONE.match(address)
    if phone:
        return Party("tel:+" + re.sub(r"\D", "", phone[1]), name, role)
    if "@" in address:
        return Party(f"mailto:{address.lower()}", name, role)
    return Party(f"id:{address}" if address else "", name, role)


def mapping_of(value: object) -> Mapping[str, Any]:
    """Return an object of JSON, an empty one for anything else."""
    return value if isinstance(value, dict) else {}
