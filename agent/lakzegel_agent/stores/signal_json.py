# SPDX-License-Identifier: EUPL-1.2
"""What Signal keeps in JSON within its rows, as far as it must be understood.

A message: {"attachments": [{"path": "ab/ab…", "thumbnail": {"path": "cd/cd…"}, …}], …}
A group: {"membersV2": [{"aci": "…"}, …], …}        One's own id: {"id": "uuid_id", "value": "….1"}
"""

import json
from collections.abc import Iterator
from typing import Final

MAX_JSON: Final = 4 * 2**20  # characters of one row's JSON
_PATHS: Final = frozenset({"path", "thumbnailPath", "screenshotPath"})


def paths_of(text: str | None) -> Iterator[str]:
    """Yield every path that a message's JSON names: of attachments, previews, stickers, quotes."""
    waiting = [_parsed(text)]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            for name, inner in reversed(found.items()):
                if name in _PATHS and isinstance(inner, str):
                    yield inner
                waiting.append(inner)
        elif isinstance(found, list):
            waiting.extend(reversed(found))


def members_of(listed: str | None, text: str | None) -> set[str] | None:
    """Return the ids of a group's members, from their own column or its JSON; None for none."""
    if listed is None:
        found = _parsed(text)
        members = found.get("membersV2") if isinstance(found, dict) else None
        if not isinstance(members, list):
            return None
        ids = [member.get("aci") if isinstance(member, dict) else None for member in members]
    else:
        ids = [*listed.split()]
    named = {each for each in ids if isinstance(each, str) and each.isascii() and each}
    return named if named and len(named) == len(set(ids)) else None


def own_id(text: str | None) -> str | None:
    """Return one's own id, without the number of the device."""
    found = _parsed(text)
    value = found.get("value") if isinstance(found, dict) else None
    return value.partition(".")[0] or None if isinstance(value, str) else None


def _parsed(text: str | None) -> object:
    if text is None or len(text) > MAX_JSON:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
