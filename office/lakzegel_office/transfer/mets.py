# SPDX-License-Identifier: EUPL-1.2
"""METS as E-ARK's CSIP and SIP 2.1 have it: who made a package, what is in it, where it lies.

docs/spec/transfer.md §7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.model import Written
from lakzegel_office.transfer.safenames import MEDIA_TYPES
from lakzegel_office.transfer.sip import Order
from lakzegel_office.transfer.xmltext import Element, document, element, fragment

NAME: Final = "METS.xml"
SOFTWARE: Final = "Lakzegel"
_SPACES: Final = {
    "xmlns": "http://www.loc.gov/METS/",
    "xmlns:csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
    "xmlns:sip": "https://DILCIS.eu/XML/METS/SIPExtensionMETS",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
_PROFILE: Final = "https://earksip.dilcis.eu/profile/E-ARK-SIP.xml"
_URL: Final = {"LOCTYPE": "URL", "xlink:type": "simple"}
_HERE: Final = "files"  # an element that stands for the files, which are too many for a tree
_MARK: Final = f"<{_HERE}/>\n".encode()


@dataclass(frozen=True, slots=True)
class Group:
    """Files that belong together: what they are for, and the paths that METS has of them."""

    use: str  # Documentation, Schemas, Representations, Data
    files: Sequence[Written]
    below: str = ""  # what METS's own folder is called in the paths of the files
    pointer: str = ""  # a METS that tells more of them

    @property
    def id(self) -> str:
        """Its id in the METS."""
        return "group-" + self.use.lower().replace("/", "-")


def mets(
    order: Order, name: str, groups: Sequence[Group], described: Written | None
) -> Iterator[bytes]:
    """Yield a METS over groups of files, with the metadata that describes all of it."""
    head = {"OBJID": name, "TYPE": "Mixed", "PROFILE": _PROFILE} | _SPACES
    content = {"csip:CONTENTINFORMATIONTYPE": "OTHER"}
    content["csip:OTHERCONTENTINFORMATIONTYPE"] = "MDTO-SIP"
    metadata = (_described(order, described),) if described is not None else ()
    root = Element(
        "mets",
        (
            _header(order),
            *metadata,
            Element("fileSec", tuple(_group(one) for one in groups), {"ID": "files"}),
            _map(name, groups, bool(metadata)),
        ),
        head | content,
    )
    pieces = document(root).data.split(_MARK)
    number = 0
    for piece, group in zip(pieces, (*groups, None), strict=True):
        yield piece.rstrip(b" ") if group is not None else piece
        for file in group.files if group is not None else ():
            number += 1
            yield _file(order, file, group.below if group is not None else "", number)


def _header(order: Order) -> Element:
    """Return who made the package: this program, and the office that hands it over."""
    note = element("note", version("lakzegel"), **{"csip:NOTETYPE": "SOFTWARE VERSION"})
    code = order.settings.creator.id or order.origin
    return Element(
        "metsHdr",
        (
            _agent("CREATOR", "OTHER", SOFTWARE, note, OTHERTYPE="SOFTWARE"),
            _agent("ARCHIVIST", "ORGANIZATION", order.settings.creator.name, _code(code)),
            _agent("OTHER", "ORGANIZATION", order.org, _code(order.origin), OTHERROLE="SUBMITTER"),
        ),
        {
            "CREATEDATE": moment(order.created),
            "LASTMODDATE": moment(order.created),
            "RECORDSTATUS": "NEW",
            "csip:OAISPACKAGETYPE": "SIP",
        },
    )


def _agent(role: str, kind: str, name: str, note: Element, **more: str) -> Element:
    return element("agent", element("name", name), note, ROLE=role, TYPE=kind, **more)


def _code(text: str) -> Element:
    return element("note", text, **{"csip:NOTETYPE": "IDENTIFICATIONCODE"})


def _described(order: Order, file: Written) -> Element:
    place = {"xlink:href": file.path, "MDTYPE": "OTHER", "OTHERMDTYPE": "MDTO", **_URL}
    pointer = Element("mdRef", (), _facts(order, file) | place)
    at = moment(order.created)
    return element("dmdSec", pointer, ID="dmd-1", CREATED=at, STATUS="CURRENT")


def _group(group: Group) -> Element:
    more = {"csip:CONTENTINFORMATIONTYPE": "OTHER"}
    more["csip:OTHERCONTENTINFORMATIONTYPE"] = "MDTO-SIP"
    kind = more if group.pointer else {}
    return Element("fileGrp", (Element(_HERE),), {"ID": group.id, "USE": group.use, **kind})


def _file(order: Order, file: Written, below: str, number: int) -> bytes:
    place = Element("FLocat", (), {"xlink:href": file.path.removeprefix(below), **_URL})
    one = Element("file", (place,), {"ID": f"file-{number}", **_facts(order, file)})
    return fragment(one, depth=3)


def _facts(order: Order, file: Written) -> dict[str, str]:
    return {
        "MIMETYPE": MEDIA_TYPES.guess_type(file.path)[0] or "application/octet-stream",
        "SIZE": str(file.size),
        "CREATED": moment(order.created),
        "CHECKSUM": file.sha256,
        "CHECKSUMTYPE": "SHA-256",
    }


def _map(name: str, groups: Sequence[Group], described: bool) -> Element:  # noqa: FBT001  # two values
    known = {"DMDID": "dmd-1"} if described else {}
    divisions = [Element("div", (), {"ID": "div-metadata", "LABEL": "Metadata", **known})]
    for group in groups:
        points = {"xlink:title": group.id, "xlink:href": group.pointer, **_URL}
        inner = Element("mptr", (), points) if group.pointer else element("fptr", FILEID=group.id)
        divisions.append(element("div", inner, ID=f"div-{group.id}", LABEL=group.use))
    whole = Element("div", tuple(divisions), {"ID": "div-whole", "LABEL": name})
    return element("structMap", whole, ID="map", TYPE="PHYSICAL", LABEL="CSIP")
