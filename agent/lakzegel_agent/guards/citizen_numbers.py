# SPDX-License-Identifier: EUPL-1.2
"""No citizen service numbers in chats: segments that have one, as sealing found them.

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from lakzegel_agent.guards.base import EVERYWHERE, Declaration, Guard, Reading, Surroundings
from lakzegel_agent.guards.base import ReportingGuard as Reporting
from lakzegel_agent.guards.of_content import NUMBERS, REASONS, readings


class CitizenNumbers(Reporting):
    """Counts what was sealed with the label ``citizen-number``."""

    declaration: ClassVar[Declaration] = Declaration(
        id=NUMBERS,
        rows=(14,),
        platforms=EVERYWHERE,
        enforces=False,
        reasons=REASONS,
        cannot="It finds a number only where a word beside it says what it is, and looks through "
        "text alone: not through attachments like docx and pdf, pictures, archives, encrypted "
        "mail, or what was sealed before it was on. Of other personal data it sees nothing.",
        default="off",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield how many there were since it is on."""
        return readings(surroundings, bare=True)


GUARD: Final[Guard] = CitizenNumbers()
