# SPDX-License-Identifier: EUPL-1.2
"""What every delivery says of itself: how to check it offline, with which keys, and what is in it.

docs/spec/transfer.md §2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lakzegel_office.transfer.choosing import Inventory
from lakzegel_office.transfer.delivery import Delivery
from lakzegel_office.transfer.listing import as_csv, as_json
from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.model import Role
from lakzegel_office.transfer.sip import Order

FOLDER: Final = "toelichting"
KEYS: Final = "judge.keys"
_DUTCH: Final = """Toelichting bij levering {name}

Alles wat hier ligt is op een apparaat vastgelegd en daar verzegeld. Bestanden met de rol
"origineel" zijn byte voor byte wat er toen stond. inventaris.csv noemt elk stuk dat gevonden is,
en waarom het is overgebracht, weggelaten of vernietigd; inventaris.json zegt hetzelfde, met de
bestanden, hun SHA-256 en hun zegels.

Een zegel controleren, zonder netwerk en zonder ons:

    lakzegel-verify BESTAND.proof BESTAND --keys judge.keys

Vraag judge.keys ook aan iemand anders die u vertrouwt, en vergelijk. Bestaat een bestand uit
meer verzegelde segmenten, dan hoort BESTAND.2.proof bij het tweede; waar dat begint en hoe lang
het is, staat in inventaris.json onder "seals" (segment, begin, lengte in bytes):

    tail -c +$((BEGIN+1)) BESTAND | head -c LENGTE > deel
    lakzegel-verify BESTAND.2.proof deel --keys judge.keys

Het bewijs zegt: dit apparaat heeft deze bytes vastgelegd, na dit en voor dat tijdstip. Het zegt
niet wie iets heeft geschreven. Hoe een bewijs is opgebouwd staat in docs/spec/proof.md van
Lakzegel; ieder kan er zelf een controleprogramma voor schrijven.

Een stuk zonder .proof is afgeleid (een weergave, een uitgepakte bijlage), of maakt deel uit van
een segment waarvan de rest niet is overgebracht.
"""
_ENGLISH: Final = """About delivery {name}

Everything here was captured on a device and sealed there. Files with the role "origineel" are,
byte for byte, what was there then. inventaris.csv names each thing that was found, and why it was
exported, left out or destroyed; inventaris.json says the same, with the files, their SHA-256 and
their seals.

To check a seal, without a network and without us:

    lakzegel-verify FILE.proof FILE --keys judge.keys

Ask somebody else whom you trust for judge.keys too, and compare. Where a file is made of several
sealed segments, FILE.2.proof is of the second; where that begins and how long it is stands in
inventaris.json under "seals" (segment, begin, length in bytes):

    tail -c +$((BEGIN+1)) FILE | head -c LENGTH > part
    lakzegel-verify FILE.2.proof part --keys judge.keys

The proof says: this device committed to these bytes, after this and before that moment. It does
not say who wrote anything. How a proof is made stands in Lakzegel's docs/spec/proof.md; anybody
can write a program that checks it.

What has no .proof was made (a rendering, an unpacked attachment), or is of a segment of which the
rest was not exported.
"""


def explanations(name: str) -> Mapping[str, bytes]:
    """Return what a delivery of that name is and how to check it, in Dutch and in English."""
    return {
        "LEESMIJ.txt": _DUTCH.format(name=name).encode(),
        "README.txt": _ENGLISH.format(name=name).encode(),
    }


def add_about(delivery: Delivery, order: Order, keys: bytes) -> None:
    """Write the explanation, the keys and the inventory, after everything else."""
    files = list(delivery.out.written)
    inventory: Inventory = delivery.inventory
    said = {
        "name": order.name,
        "created": moment(order.created),
        "request": order.request,
        "origin": order.origin,
        "unseen": {"items": order.unseen.items, "batches": order.unseen.batches},
    }
    contents: Iterable[tuple[str, Iterator[bytes]]] = (
        *((name, iter((text,))) for name, text in explanations(order.name).items()),
        (KEYS, iter((keys,))),
        ("inventaris.csv", as_csv(inventory)),
        ("inventaris.json", as_json(inventory, files, said)),
    )
    folder = delivery.below + delivery.names.own(FOLDER)
    for name, pieces in contents:
        delivery.out.write(
            f"{folder}/{delivery.names.own(name)}", pieces, title=name, role=Role.ABOUT
        )
