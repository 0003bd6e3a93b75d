# SPDX-License-Identifier: EUPL-1.2
"""Whose conversations are private by agreement (docs/spec/conversations.md §2).

An entry of the annex is ``tel:+316…``, ``mailto:…`` or ``id:…``, or what a person writes: a number
with its country, an address, an id of the service.
"""

from collections.abc import Iterable
from typing import Final

from lakzegel_agent.stores.chatpeople import person

PRIVATE: Final = "private"
_SCHEMES: Final = ("tel:", "mailto:", "id:")


def agreed(correspondents: Iterable[str]) -> frozenset[str]:
    """Return the people of an annex's list, spelled as stores' people are."""
    return frozenset(
        text if text.startswith(_SCHEMES) else person(text.strip()) for text in correspondents
    )


def is_private(people: frozenset[str] | None, listed: frozenset[str]) -> bool:
    """Return whether a conversation is only with people on the list; not where one is unknown."""
    return bool(people) and people is not None and people <= listed
