# SPDX-License-Identifier: EUPL-1.2
"""Which sources are not there, told to the office when it begins and when it ends.

    {"sources":["Postvak IN"],"type":"missing-root"}     docs/spec/item.md §5
    {"sources":["Postvak IN"],"type":"unread"}
    {"sources":["Postvak IN"],"type":"root-back"}

The office reads labels; `status` has the policy's names, which the receiver may read too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from lakzegel_agent.ledger import DEVICE
from lakzegel_core.encoding import canonical_json

ABSENT: Final = "absent"  # not there, or no folder
AWAY: Final = "away"  # another file system lies there, without anything that was captured
UNREAD: Final = "unread"  # there, and may not be listed
UNUSABLE: Final = "unusable"  # a path that means nothing on this device
NAME: Final = "roots-told"  # what the ledger remembers them by
_TYPES: Final = {ABSENT: "missing-root", AWAY: "missing-root", UNREAD: "unread"}


class Memory(Protocol):
    """The ledger, as far as it is used here."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """Return the value that was kept."""
        ...

    def observe(self, source: str, value: Mapping[str, Any]) -> None:
        """Queue an observation."""
        ...


def told(memory: Memory) -> dict[str, str]:
    """Return why each source is not there, by label, as was told last."""
    data = memory.recall(NAME)
    return json.loads(data) if data else {}


def tell(memory: Memory, found: Mapping[str, str | None], names: Mapping[str, str]) -> list[str]:
    """Observe what is new; return every source that is not there, as `status` shows it.

    Args:
        memory: the ledger.
        found: why a source is not there, None where it is; by label, of those looked at now.
        names: the policy's name of each label in force; of others nothing is told any more.

    Raises:
        UnwritableError: it is told the next time.
    """
    before = told(memory)
    now = {
        label: why
        for label, why in {**before, **found}.items()
        if why is not None and label in names
    }
    for kind in dict.fromkeys(_TYPES.values()):
        new = [lb for lb, why in now.items() if _type(why) == kind != _type(before.get(lb))]
        _observe(memory, kind, new)
    _observe(memory, "root-back", [label for label in before.keys() - now if label in names])
    if now != before:
        memory.remember(NAME, canonical_json(dict(now)))
    return sorted(f"{names[label]} ({why})" for label, why in now.items())


def _type(why: str | None) -> str | None:
    return None if why is None else _TYPES.get(why)


def _observe(memory: Memory, kind: str, labels: list[str]) -> None:
    if labels:
        memory.observe(DEVICE, {"type": kind, "sources": sorted(labels)})
