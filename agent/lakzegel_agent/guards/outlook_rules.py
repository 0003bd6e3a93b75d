# SPDX-License-Identifier: EUPL-1.2
"""That rules within Outlook's data files are not readable from here.

They lie in the store as messages of their own (``IPM.Rule.Version2.Message``), and this agent cuts
a store in blocks without opening it. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)

NOT_READABLE: Final = "not-readable"
KIND: Final = "pst"


class OutlookRules(ReportingGuard):
    """Says of each source with Outlook's data files that its rules are not known."""

    declaration: ClassVar[Declaration] = Declaration(
        "outlook-rules",
        (10,),
        EVERYWHERE,
        enforces=False,
        reasons=frozenset({NOT_READABLE}),
        cannot="It does not read the rules in Outlook's data files, nor those of Exchange: that "
        "nothing is forwarded there, the tenant's administrator attests.",
    )

    def look(self, surroundings: Surroundings) -> Iterator[Reading]:
        """Yield that it is not known, a source with Outlook's data files."""
        for source in surroundings.sources:
            if source.kind == KIND:
                yield Reading(source.name, State.UNKNOWN, NOT_READABLE)


GUARD: Final[Guard] = OutlookRules()
