# SPDX-License-Identifier: EUPL-1.2
"""What would leave, by the same steps as what leaves: docs/spec/transfer.md §1.

Every chosen unit is opened and read as an export does, and written nowhere. So a statement, a dry
run and a delivery over the same mirror and decisions count the same, failures and pictures that
messages take along among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lakzegel_office.transfer.choosing import (
    Inventory,
    NothingFoundError,
    Scope,
    Sealed,
    choose,
)
from lakzegel_office.transfer.delivery import Delivery
from lakzegel_office.transfer.gathering import Gatherer
from lakzegel_office.transfer.model import Marks, Role, Seal, Written
from lakzegel_office.transfer.outfolder import OutFolder


class Nowhere(OutFolder):
    """Takes files as a folder does, reads each to its end, and keeps none."""

    def write(
        self,
        path: str,
        pieces: Iterable[bytes],
        *,
        title: str,
        role: Role,
        seals: tuple[Seal, ...] = (),
        how: str = "",
    ) -> Written:
        """Return what the file would be, without digests."""
        size = sum(len(piece) for piece in pieces)
        return Written(path, title, role, size, "", "", seals, how)

    def drop(self, folder: str) -> None:
        """Do nothing: there is no folder."""


def count(collection: Sealed, scope: Scope, marks: Marks) -> Inventory:
    """Return the inventory that an export of this scope would have.

    Raises:
        NothingFoundError: nothing at all is found.
    """
    inventory = choose(collection, scope, marks)
    gatherer = Gatherer(collection, inventory, marks, scope)
    gatherer.attachments = not scope.only_mail
    Delivery(Nowhere(Path()), inventory).put(gatherer.dossiers())
    return inventory


def count_if_any(collection: Sealed, scope: Scope, marks: Marks) -> Inventory:
    """Return the same, of nothing too: that nothing was found is what a statement may say."""
    try:
        return count(collection, scope, marks)
    except NothingFoundError:
        return Inventory()
