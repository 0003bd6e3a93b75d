# SPDX-License-Identifier: EUPL-1.2
"""Who may get at a file of Windows, read off its security descriptor as text (SDDL).

O:S-1-5-21-1-2-3-1001G:…D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)
"""

from __future__ import annotations

import re
from typing import Final

from lakzegel_agent.platforms.base import NOBODY
from lakzegel_agent.platforms.windowsusers import number_of

OURS: Final = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
_ALLOWS: Final = frozenset({"A", "OA", "XA", "ZA"})
_GRANT: Final = re.compile(r"\((\w+);[^;]*;[^;]*;[^;]*;[^;]*;([^;)]+)[^)]*\)")
_OWNER: Final = re.compile(r"O:(S-[\d-]+|[A-Z]{2})")
_ADMINISTRATORS: Final = frozenset({"SY", "BA", "OW", "S-1-5-18", "S-1-5-32-544", "S-1-3-4"})


def is_open(sddl: str) -> bool:
    """Whether it lets anybody in but system, administrators and owner."""
    _, found, access = sddl.partition("D:")
    owner = _OWNER.match(sddl)
    known = _ADMINISTRATORS | ({owner.group(1)} if owner else set())
    if not found or access.startswith("NO_ACCESS_CONTROL"):
        return True  # no list: everybody
    return any(kind in _ALLOWS and who not in known for kind, who in _GRANT.findall(access))


def owner_in(sddl: str) -> int:
    """The number of the owner, NOBODY's where it names none."""
    found = _OWNER.match(sddl)
    return NOBODY if found is None else number_of(found.group(1))
