# SPDX-License-Identifier: EUPL-1.2
"""What each role finds at the top of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lakzegel_server.accounts import AccountRole
from lakzegel_server.pages.language import text


@dataclass(frozen=True, slots=True)
class Entry:
    """One place to go to."""

    path: str
    label: str

    def leads_to(self, path: str) -> bool:
        """Whether a page is that place or lies below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


RECEIVER: Final = Entry("/receiver", text("Receiver"))
RUNBOOKS: Final = Entry("/runbooks", text("Runbooks"))
TRAIL: Final = Entry("/trail", text("Audit trail"))
IN_FORCE: Final = Entry("/in-force", text("In force"))
MENU: Final[dict[AccountRole, tuple[Entry, ...]]] = {
    AccountRole.IT: (
        Entry("/", text("Devices")),
        Entry("/problems", text("Problems")),
        RECEIVER,
        RUNBOOKS,
    ),
    AccountRole.RECORDS: (RECEIVER, IN_FORCE, RUNBOOKS),
    AccountRole.ADMIN: (IN_FORCE, Entry("/publish", text("Publish")), RECEIVER, RUNBOOKS),
    AccountRole.AUDIT: (RECEIVER, TRAIL, IN_FORCE, RUNBOOKS),
}


def menu(role: AccountRole | None) -> tuple[Entry, ...]:
    """The places of a role; none for who is not logged in."""
    return MENU[role] if role else ()


ROLES: Final = {
    AccountRole.IT: text("IT support"),
    AccountRole.RECORDS: text("records office"),
    AccountRole.ADMIN: text("administrator"),
    AccountRole.AUDIT: text("auditor"),
}
