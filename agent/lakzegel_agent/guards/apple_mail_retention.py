# SPDX-License-Identifier: EUPL-1.2
"""That nobody can tell from here whether Apple Mail deletes by itself.

Its settings are known by their names on the screen alone, not by the keys that they are kept
under. docs/spec/settings-guarded.md, apple-mail-retention
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    MACOS,
    Declaration,
    Guard,
    Reading,
    ReportingGuard,
    State,
    Surroundings,
)

NO_KNOWN_KEY: Final = "no-known-key"
SUBJECT: Final = "apple-mail"
MAIL: Final = Path("Library/Mail")


class AppleMailRetention(ReportingGuard):
    """Reports that the settings of Apple Mail have to be looked at by a person."""

    declaration: ClassVar[Declaration] = Declaration(
        id="apple-mail-retention",
        rows=(15,),
        platforms=frozenset({MACOS}),
        enforces=False,
        reasons=frozenset({NO_KNOWN_KEY}),
        cannot=(
            "Whether Apple Mail erases deleted, sent or junk messages after a time: somebody has to"
            " look at its settings, under Accounts, Mailbox Behaviours"
        ),
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield that it is not known, where Apple Mail is in use."""
        if is_used(surroundings.home / MAIL):
            yield Reading(SUBJECT, State.UNKNOWN, NO_KNOWN_KEY)


def is_used(folder: Path) -> bool:
    """Whether a folder has mail of a version of Apple Mail (``V10``), or does not let us look."""
    try:
        names = [one.name for one in folder.iterdir()]
    except FileNotFoundError:
        return False
    except OSError:  # macOS lets nobody in without full access to the disk
        return True
    return any(name[:1] == "V" and name[1:].isdigit() for name in names)


GUARD: Final[Guard] = AppleMailRetention()
