# SPDX-License-Identifier: EUPL-1.2
"""No state secrets by mail or chat: segments that bear a marking, as sealing found them.

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from lakzegel_agent.guards.base import EVERYWHERE, Declaration, Guard, Reading, Surroundings
from lakzegel_agent.guards.base import ReportingGuard as Reporting
from lakzegel_agent.guards.of_content import MARKINGS, REASONS, readings


class ClassifiedMarkings(Reporting):
    """Counts what was sealed with the label ``classified``."""

    declaration: ClassVar[Declaration] = Declaration(
        id=MARKINGS,
        rows=(11,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=REASONS,
        cannot="It looks through text alone: not through attachments like docx and pdf, pictures, "
        "archives, encrypted mail, or what was sealed before it was on; and a secret without a "
        "marking is none for it. It stops nothing.",
        default="off",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how many there were since it is on."""
        return readings(surroundings, bare=False)


GUARD: Final[Guard] = ClassifiedMarkings()
