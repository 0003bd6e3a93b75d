# SPDX-License-Identifier: EUPL-1.2
"""No state secrets by mail or chat: segments that bear a marking, as sealing found them.

docs/spec/settings-guarded.md
"""

from __future__ import annotations

from typing import ClassVar, Final

from lakzegel_agent.guards.base import Declaration, Guard
from lakzegel_agent.guards.of_content import MARKINGS, ContentGuard, declared


class ClassifiedMarkings(ContentGuard):
    """Counts what was sealed with the label ``classified``."""

    declaration: ClassVar[Declaration] = declared(
        MARKINGS,
        11,
        "It looks through text alone: not through attachments like docx and pdf, pictures, "
        "archives, encrypted mail, or what was sealed before it was on; and a secret without a "
        "marking is none for it. It stops nothing.",
    )
    bare = False


GUARD: Final[Guard] = ClassifiedMarkings()
