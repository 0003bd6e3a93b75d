# SPDX-License-Identifier: EUPL-1.2
"""What a person may call an item by: its own id, or the unit that `search` and the review show.

minister-laptop/0/12/345       an item
2nsyfxfyprbigmfgiqorkzgmvg     a unit: a mail, a message, a file
"""

from __future__ import annotations

import argparse
import re
from contextlib import closing
from typing import Final

from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office, say
from lakzegel_office.errors import UsageError
from lakzegel_office.names import ItemId

_UNIT: Final = re.compile(r"[a-z2-7]{26}")
_SHOWN: Final = 3


def add_item(parser: argparse.ArgumentParser) -> None:
    """Add the argument."""
    text = "device/epoch/batch/index, or a unit's id, as search and review show it"
    parser.add_argument("item", metavar="ITEM", type=_name, help=text)


def unit_of(name: ItemId | str) -> str | None:
    """Return the unit that was named, None where an item was."""
    return name if isinstance(name, str) else None


def item_of(office: Office, name: ItemId | str) -> ItemId:
    """Return the item that was named: of a unit, the first one that holds it and nothing else.

    Raises:
        UsageError: there is no such unit, or each item that holds it holds others too.
    """
    if not isinstance(name, str):
        return name
    collection, _ = open_collection(office)
    with closing(collection):
        collection.unit(name)
        held, places = collection.containing([name]), collection.places(name)
    if held.alone:
        found = next(place.item for place in places if place.item in held.alone)  # oldest first
        say(f"{name}: is item {found}" + (", the first of several" if len(held.alone) > 1 else ""))
        return found
    if not held.shared:
        raise UsageError(f"{name}: no sealed segment holds it any more; see its certificate")
    others = ", ".join(str(item) for item in held.shared[:_SHOWN])
    raise UsageError(
        f"{name}: is sealed together with {len(held.neighbours)} others, and a proof shows a "
        f"segment whole; if they may be seen, name the segment itself: {others}"
    )


def _name(text: str) -> ItemId | str:
    """Return an item's id, or a unit's as it was typed.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if _UNIT.fullmatch(text):
        return text
    try:
        return ItemId.parse(text)
    except UsageError as error:
        more = "; a unit is 26 letters and digits, as search shows it"
        raise argparse.ArgumentTypeError(f"{error}{more}") from None
