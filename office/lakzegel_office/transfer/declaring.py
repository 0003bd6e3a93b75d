# SPDX-License-Identifier: EUPL-1.2
"""The *verklaring van overbrenging*: PDF/A and XML of one export, for both sides to sign.

docs/spec/transfer.md §9.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from lakzegel_office.journal import Entry
from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.packing import in_dutch
from lakzegel_office.transfer.pdf import pdf, printed
from lakzegel_office.transfer.settings import Settings
from lakzegel_office.transfer.xmltext import Element, document, element

NAMESPACE: Final = "urn:lakzegel:verklaring-van-overbrenging:v1"
_COUNTS: Final = {
    "found": "gevonden",
    "exported": "overgebracht",
    "left-out": "weggelaten",
    "gone": "vernietigd",
    "failed": "mislukt",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is declared."""

    export: Entry
    receipts: Sequence[Entry]
    settings: Settings
    org: str
    origin: str
    receiver: str
    head: str  # of the journal of transfers, base64
    created: datetime

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield what is said, in its order."""
        says = self.export.says
        yield "Zorgdrager", self.settings.creator.name
        yield "Overdragende organisatie", self.org
        yield "Ontvangende archiefdienst", self.receiver or "-"
        yield "Levering", str(says["name"])
        yield "Vorm", str(says["format"])
        yield "Aanleiding", str(says["request"]) or "-"
        yield "Omvang", f"{says['files']} bestanden, {says['bytes']} bytes"
        yield "Informatieobjecten", str(says["objects"])
        yield "Hashcode van de levering (SHA-256)", str(says["digest"])
        yield "Samengesteld op", str(says["created"])
        yield "Bewijsketen", f"log {self.origin}, {says['proofs']} zegelbewijzen"
        yield "Termijn van overbrenging", f"{self.settings.transfer_term} jaar"
        for receipt in self.receipts:
            yield "Ontvangstbewijs (SHA-256)", str(receipt.says["sha256"])

    def counts(self) -> Iterator[tuple[str, str]]:
        """Yield the counts of the inventory; the others add up to the first."""
        counts: Mapping[str, Any] = self.export.says["counts"]
        for name, dutch in _COUNTS.items():
            yield dutch, str(counts[name])


def as_xml(made: Declaration) -> bytes:
    """Return the declaration for programs."""
    rows = (element("gegeven", value, naam=name) for name, value in made.rows())
    counts = (element(name, value) for name, value in made.counts())
    reasons: Mapping[str, Any] = made.export.says["reasons"]
    left = (
        element("reden", str(count), grond=in_dutch(reason)) for reason, count in reasons.items()
    )
    root = Element(
        "verklaringVanOverbrenging",
        (
            element("opgemaakt", moment(made.created)),
            *rows,
            element("inventaris", *counts, *left),
            element("registerstand", made.head),
        ),
        {"xmlns": NAMESPACE},
    )
    return document(root).data


def as_pdf(made: Declaration) -> bytes:
    """Return the declaration for people to sign."""
    moment_ = made.created.astimezone(UTC).timetuple()[:6]
    reasons: Mapping[str, Any] = made.export.says["reasons"]
    return pdf(
        "declaration.typ",
        {
            "title": "Verklaring van overbrenging",
            "moment": list(moment_),
            "made": moment(made.created),
            "rows": [[name, printed(value)] for name, value in made.rows()],
            "counts": [list(row) for row in made.counts()],
            "reasons": [[printed(in_dutch(name)), str(count)] for name, count in reasons.items()],
            "head": printed(made.head),
            "giver": printed(made.settings.creator.name),
            "receiver": printed(made.receiver) or "archiefdienst",
        },
    )
