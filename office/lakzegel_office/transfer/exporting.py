# SPDX-License-Identifier: EUPL-1.2
"""One export from begin to end: chosen, written, proven, described, counted, checked.

docs/spec/transfer.md §8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from lakzegel_office.transfer import bag, eark
from lakzegel_office.transfer.about import add_about
from lakzegel_office.transfer.checking import check_delivery
from lakzegel_office.transfer.choosing import Inventory, Scope, Sealed
from lakzegel_office.transfer.delivery import Delivery
from lakzegel_office.transfer.evidence import Evidence, Unseen
from lakzegel_office.transfer.gathering import Gatherer
from lakzegel_office.transfer.model import Marks, Role
from lakzegel_office.transfer.outfolder import OutFolder, out_folder, tree_digest
from lakzegel_office.transfer.packing import NAME, packing_slip
from lakzegel_office.transfer.plain import put_mbox
from lakzegel_office.transfer.rendering import Renderer
from lakzegel_office.transfer.sip import Order, Sip


class Kind(StrEnum):
    """What a delivery can be."""

    MDTO = "mdto"
    BAGIT = "bagit"
    EARK = "eark"
    EML = "eml"
    MBOX = "mbox"


_BELOW: Final = {Kind.BAGIT: bag.PAYLOAD, Kind.EARK: eark.PAYLOAD}
ONLY_MAIL: Final = (Kind.EML, Kind.MBOX)


@dataclass(frozen=True, slots=True)
class Export:
    """What was asked for, and what it needs."""

    kind: Kind
    scope: Scope
    order: Order
    collection: Sealed
    marks: Marks
    evidence: Evidence
    say: Callable[[str], None]
    register: Callable[[Mapping[str, Any]], object]  # before the delivery has its name
    schema: Path | None = None
    proofs: bool = True
    renderings: bool = False


def export(asked: Export, inventory: Inventory, out: Path) -> Mapping[str, Any]:
    """Write a delivery to a new folder and return what it holds.

    Raises:
        UsageError: `out` exists.
        DoubtError: a proof or a piece of metadata does not hold.
        FullError: there is no room.
    """
    with out_folder(out) as folder:
        delivery = Delivery(
            folder,
            inventory,
            below=_BELOW.get(asked.kind, ""),
            say=asked.say,
        )
        delivery.names.own(NAME)
        renderer = Renderer(asked.collection, asked.order.created) if asked.renderings else None
        gatherer = Gatherer(asked.collection, inventory, asked.marks, asked.scope, renderer)
        gatherer.attachments = asked.kind not in ONLY_MAIL
        if asked.kind is Kind.MBOX:
            put_mbox(delivery, gatherer.dossiers())
        else:
            delivery.put(gatherer.dossiers())
        if asked.proofs:
            asked.say("proofs")
            delivery.prove(asked.evidence)
        add_about(delivery, asked.order, asked.evidence.keys_file())
        objects = 0
        if asked.kind not in ONLY_MAIL:
            asked.say("metadata")
            sip = _described(asked, delivery, gatherer.unread)
            objects = sip.objects
            _close(asked, folder, sip)
        summary = _summary(folder, inventory, objects, asked.order.unseen)
        asked.register(summary)
        return summary


def _close(asked: Export, folder: OutFolder, sip: Sip) -> None:
    """Write what lies around the MDTO-SIP in another package."""
    if asked.kind is Kind.BAGIT:
        bag.close_bag(folder, asked.order)
    elif asked.kind is Kind.EARK:
        eark.close_eark(folder, asked.order, sip.whole())


def _described(asked: Export, delivery: Delivery, unread: int) -> Sip:
    """Write sidecars and packing slip, and check them."""
    sip = Sip(delivery, asked.evidence, asked.order)
    sip.describe()
    slip = packing_slip(
        asked.order,
        delivery.out.written,
        delivery.inventory,
        below=delivery.below,
        objects=sip.objects,
        remarks=_remarks(asked, sip, unread),
    )
    below = delivery.below
    delivery.out.write(below + NAME, [slip.data], title=NAME, role=Role.ABOUT)
    asked.say("check")
    check_delivery(delivery.out, below, asked.schema)
    return sip


def _remarks(asked: Export, sip: Sip, unread: int) -> list[str]:
    remarks = []
    if unread:
        remarks.append(
            f"Van {unread} mails van meer dan 64 MiB zijn bijlagen en weergave er alleen in de mail"
        )
    if sip.replaced:
        remarks.append(
            f"{sip.replaced} tekens die XML niet kent zijn in de metagegevens vervangen door U+FFFD"
        )
    if asked.order.top is None:
        remarks.append("De plaats in het doelsysteem is niet opgegeven")
    unseen = asked.order.unseen
    if unseen:
        remarks.append(
            f"{unseen.items} verzegelde items gaan niet open en {unseen.batches} batches ontbreken:"
            " wat daarin staat is in geen stuk geteld"
        )
    held = sum(bool(row.holds) for row in sip.delivery.inventory.rows.values())
    if held:
        remarks.append(
            f"{held} stukken vallen onder een bewaarplicht en mogen niet vernietigd worden"
        )
    return remarks


def _summary(
    folder: OutFolder, inventory: Inventory, objects: int, unseen: Unseen
) -> Mapping[str, Any]:
    files = folder.written
    return {
        "counts": inventory.counts(),
        "reasons": inventory.reasons(),
        "objects": objects,
        "unseen": {"items": unseen.items, "batches": unseen.batches},
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "proofs": sum(file.role is Role.PROOF for file in files),
        "digest": tree_digest((file.path, file.sha256) for file in files),
    }
