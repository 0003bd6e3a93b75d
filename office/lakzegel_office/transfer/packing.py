# SPDX-License-Identifier: EUPL-1.2
"""`pakbon.xml`: what lies in a delivery, so that whoever receives it can count.

docs/spec/transfer.md §3. Written last: a delivery without one is not whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lakzegel_office.transfer.choosing import Inventory
from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.model import Role, Written
from lakzegel_office.transfer.outfolder import tree_digest
from lakzegel_office.transfer.sip import Order
from lakzegel_office.transfer.xmltext import Document, Element, document, element

NAME: Final = "pakbon.xml"
_DUTCH: Final = {
    "left-out: ": "weggelaten: ",
    "failed: ": "mislukt: ",
    ": class ": ": klasse ",
    ": undated": ": zonder tijd",
    ": not-a-mail": ": geen mail",
}
NAMESPACE: Final = "urn:lakzegel:pakbon:v1"


def packing_slip(
    order: Order,
    files: Sequence[Written],
    inventory: Inventory,
    *,
    below: str,
    objects: int,
    remarks: Sequence[str],
) -> Document:
    """Return the packing slip over all other files of a delivery."""
    digest = tree_digest((file.path.removeprefix(below), file.sha256) for file in files)
    content = [file for file in files if file.role is not Role.METADATA]
    settings = order.settings
    top = f"{order.top.name} ({order.top.id})" if order.top else "Nader te bepalen"
    root = Element(
        "pakbon",
        (
            element("identificatie", f"{order.name}-{digest[:16]}"),
            element("naam", order.name),
            element("locatieInDoelsysteem", top),
            element("hashcode", digest, algoritme="SHA-256"),
            element("tijdstip", moment(order.created)),
            element("archiefvormer", settings.creator.name),
            element("organisatie", order.org),
            element("contact", settings.contact) if settings.contact else element("contact"),
            element("aantalInformatieobjecten", str(objects)),
            element("aantalBestanden", str(len(content))),
            element("aantalMetagegevensbestanden", str(len(files) - len(content))),
            element("aantalBestandenInTotaal", str(len(files))),
            element("omvangBestanden", str(sum(file.size for file in content))),
            element("overbrengingstermijn", f"P{settings.transfer_term}Y"),
            element("inventaris", *_counts(inventory)),
            *(element("bijzonderheid", remark) for remark in remarks),
        ),
        {"xmlns": NAMESPACE},
    )
    return document(root)


def in_dutch(reason: str) -> str:
    """Return a reason of the inventory for people."""
    for word, dutch in _DUTCH.items():
        reason = reason.replace(word, dutch)
    return reason


def _counts(inventory: Inventory) -> Iterator[Element]:
    counts = inventory.counts()
    names = {
        "found": "gevonden",
        "exported": "overgebracht",
        "left-out": "weggelaten",
        "gone": "vernietigd",
        "failed": "mislukt",
    }
    for name, dutch in names.items():
        yield element(dutch, str(counts[name]))
    for reason, count in inventory.reasons().items():
        yield element("reden", str(count), grond=in_dutch(reason))
