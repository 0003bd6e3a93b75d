# SPDX-License-Identifier: EUPL-1.2
"""By which entry of the log an item was destroyed."""

from __future__ import annotations

from lakzegel_core.encoding import format_time
from lakzegel_core.entries import kind_of
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyringchange import KIND, KeyringChange
from lakzegel_core.note import parse
from lakzegel_core.tiles import WIDTH
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.names import ItemId


def certificate_of(mirror: Mirror, size: int, item: ItemId) -> str:
    """Return how a person finds the certificate: its SHA-256 and the log's entry, or that none is.

    `size` is of a log whose replay accepted its entries; nothing is verified here.
    """
    for bundle in range(-(-size // WIDTH)):
        for index, entry in enumerate(read_bundle(mirror, bundle, size), bundle * WIDTH):
            change = _change(entry)
            if change is not None and _names(change, item):
                number = change.certificate.hex() if change.certificate else "none"
                return f"certificate {number}, entry {index} of {format_time(change.at)}"
    return "no entry of the log says so; run: lakzegel-office verify"


def _change(entry: bytes) -> KeyringChange | None:
    try:
        if kind_of(entry) != KIND:
            return None
        return KeyringChange.from_text(parse(entry).text)
    except LakzegelError:
        return None


def _names(change: KeyringChange, item: ItemId) -> bool:
    place = (change.device, change.epoch, change.batch)
    return place == (item.device, item.epoch, item.batch) and item.index in change.destroyed
