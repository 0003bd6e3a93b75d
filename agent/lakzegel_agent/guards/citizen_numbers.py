# SPDX-License-Identifier: EUPL-1.2
"""No citizen service numbers in chats: segments that have one, as sealing found them.

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from typing import ClassVar, Final

from lakzegel_agent.guards.base import Declaration, Guard
from lakzegel_agent.guards.of_content import NUMBERS, ContentGuard, declared


class CitizenNumbers(ContentGuard):
    """Counts what was sealed with the label ``citizen-number``."""

    declaration: ClassVar[Declaration] = declared(
        NUMBERS,
        14,
        "It finds a number only where a word beside it says what it is, and looks through "
        "text alone: not through attachments like docx and pdf, pictures, archives, encrypted "
        "mail, or what was sealed before it was on. Of other personal data it sees nothing.",
    )
    bare = True


GUARD: Final[Guard] = CitizenNumbers()
