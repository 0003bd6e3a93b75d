# SPDX-License-Identifier: EUPL-1.2
"""The same policy for the next ring: another audience, the next serial, nothing else.

A ring is a group of devices that get a policy together (docs/guides/enrolment.md §5).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from lakzegel_core.errors import PolicyError
from lakzegel_core.fields import slug
from lakzegel_core.policy import Policy, parse_policy_toml
from lakzegel_office.errors import UsageError

_SERIAL: Final = re.compile(r"^serial[ \t]*=[^\n]*$", re.MULTILINE)
_AUDIENCE: Final = re.compile(r"^audience[ \t]*=[ \t]*\[[^\]]*\]", re.MULTILINE)
_GROUP: Final = "group:"


def promoted(toml: str, rings: Iterable[str], known: Iterable[Policy]) -> str:
    """Return a policy's text for these rings, with a serial above every one that is known.

    Everything else of it stays to the letter: comments, order, sources.

    Raises:
        UsageError: serial or audience do not stand where they can be changed.
    """
    before = parse_policy_toml(toml)
    audience = tuple(f"{_GROUP}{slug(ring, what='--to')}" for ring in rings)
    serial = max([before.serial, *(policy.serial for policy in known)]) + 1
    said = ", ".join(f'"{one}"' for one in audience)
    text = toml
    for pattern, line in ((_SERIAL, f"serial = {serial}"), (_AUDIENCE, f"audience = [{said}]")):
        text, count = pattern.subn(line, text)
        if count != 1:
            raise UsageError("policy: serial and audience must each be a line of its beginning")
    try:
        after = parse_policy_toml(text)
    except PolicyError as error:
        raise UsageError(f"policy: {error}") from None
    if replace(after, text=before.text) != replace(before, serial=serial, audience=audience):
        raise UsageError("policy: more than serial and audience would change; write it by hand")
    return text
