# SPDX-License-Identifier: EUPL-1.2
"""An E-ARK SIP around a delivery: docs/spec/transfer.md §7.

METS.xml
metadata/descriptive/levering.MDTO.xml
documentation/LEESMIJ.txt, README.txt
schemas/pakbon.xsd
representations/mdto/METS.xml
representations/mdto/data/                the MDTO-SIP
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from lakzegel_office.transfer.about import explanations
from lakzegel_office.transfer.mets import NAME, Group, mets
from lakzegel_office.transfer.model import Role, Written
from lakzegel_office.transfer.outfolder import OutFolder
from lakzegel_office.transfer.sip import Order
from lakzegel_office.transfer.xmltext import Document

REPRESENTATION: Final = "representations/mdto"
PAYLOAD: Final = f"{REPRESENTATION}/data/"
_DESCRIBED: Final = "metadata/descriptive/levering.MDTO.xml"
_SCHEMA: Final = "pakbon.xsd"


def close_eark(out: OutFolder, order: Order, described: Document) -> None:
    """Write everything of an E-ARK SIP but its payload, which is written."""
    data = Group("Data", list(out.written), f"{REPRESENTATION}/")
    inner = _put(out, f"{REPRESENTATION}/{NAME}", *mets(order, "mdto", [data], None))
    about = [
        _put(out, f"documentation/{name}", text) for name, text in explanations(order.name).items()
    ]
    schema = files("lakzegel_office.transfer").joinpath("templates", _SCHEMA).read_bytes()
    groups = [
        Group("Documentation", about),
        Group("Schemas", [_put(out, f"schemas/{_SCHEMA}", schema)]),
        Group("Representations/mdto", [inner], pointer=inner.path),
    ]
    whole = _put(out, _DESCRIBED, described.data)
    _put(out, NAME, *mets(order, order.name, groups, whole))


def _put(out: OutFolder, path: str, *pieces: bytes) -> Written:
    return out.write(path, pieces, title=path.rpartition("/")[2], role=Role.ABOUT)
