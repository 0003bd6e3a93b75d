# SPDX-License-Identifier: EUPL-1.2
"""What people are told of a problem: how grave, whose it is, why, and the one next step.

Text is English here and is looked up where it is shown; nothing of it is of one device.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakzegel_server.words import text

RUNBOOKS: Final = "docs/guides/runbooks"


class Severity(StrEnum):
    """How soon somebody has to act; the worst first."""

    CRITICAL = "critical"  # something is not captured, may be lost or be forged: today
    WARNING = "warning"  # it will be, unless somebody acts: this week
    NOTICE = "notice"  # nothing has to be done


class Owner(StrEnum):
    """Who is to act."""

    IT = "it"
    RECORDS = "records"
    ADMIN = "admin"
    USER = "user"
    VENDOR = "vendor"


OWNERS: Final = {
    Owner.IT: text("IT support"),
    Owner.RECORDS: text("records office"),
    Owner.ADMIN: text("administrator"),
    Owner.USER: text("person or secretariat"),
    Owner.VENDOR: text("who maintains Lakzegel"),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One code."""

    code: str
    severity: Severity
    owner: Owner
    title: str
    why: str
    step: str

    @property
    def anchor(self) -> str:
        """Its section of the runbooks."""
        return f"{RUNBOOKS}.md#{self.code}"
