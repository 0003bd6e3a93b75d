# SPDX-License-Identifier: EUPL-1.2
"""The certificate of destruction as XML: what, why, how, when, by whom; and what became of it.

docs/spec/disposal.md §5. No person that the units are about is in it: that is in the annex.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_core.encoding import format_time
from lakzegel_office.destroying.drafting import Draft
from lakzegel_office.destroying.lists import DestructionList
from lakzegel_office.destroying.selection import Copy, after

SPACE: Final = "https://lakzegel.nl/ns/vernietiging/1"
MANNER: Final = (
    "De sleutels van de stukken worden uit alle sleutelbossen genomen (ingetrokken); daarna worden"
    " die opnieuw verpakt voor een nieuwe periode en de oude sleutels vernietigd (gewist). Hoe ver"
    " het is, staat in de uitvoering."
)
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Deed:
    """All that the certificate says."""

    origin: str
    org: str
    found: DestructionList
    approver: str
    keys: tuple[str, str]  # names of the approval keys that sign
    drawn: datetime
    draft: Draft
    two_persons: bool  # whether both keys are named persons' own, and not one person's

    def to_xml(self) -> bytes:
        """Return the certificate's bytes."""
        root = ET.Element("verklaringVanVernietiging", {"xmlns": SPACE})
        _texts(
            root,
            nummer=str(self.found.number),
            organisatie=self.org,
            logboek=self.origin,
            opgemaakt=format_time(self.drawn),
            grond=self.found.ground,
        )
        category = ET.SubElement(root, "categorie", {"code": self.found.category["code"]})
        names = {"waardering": "appraisal", "termijn": "term", "bron": "ground", "over": "about"}
        _texts(category, **{name: self.found.category[key] for name, key in names.items()})
        _texts(root, wijze=MANNER)
        self._persons(root)
        self._extent(root)
        self._specification(root)
        _texts(root, bijlagePersoonsgegevens=self.draft.annex, voorstel=self.draft.proposal)
        return _bytes(root)

    def _persons(self, root: ET.Element) -> None:
        two = "ja" if self.two_persons else "nee"
        people = ET.SubElement(root, "personen", {"tweePersonen": two})
        made = format_time(self.found.proposed)
        rows = ((self.found.proposer, made), (self.approver, format_time(self.drawn)))
        for (who, at), role in zip(rows, ("voorgesteld", "goedgekeurd"), strict=True):
            ET.SubElement(people, role, {"door": _clean(who), "op": at})
        for key in self.keys:
            ET.SubElement(people, "sleutel", {"naam": _clean(key)})

    def _extent(self, root: ET.Element) -> None:
        units = self.draft.units
        days = [unit.day for unit in units if unit.day]
        extent = ET.SubElement(root, "omvang", {"eenheden": str(len(units))})
        extent.set("bytes", str(sum(unit.size for unit in units)))
        if days:
            extent.set("van", min(days))
            extent.set("tot", max(days))
        for (app, kind), count in sorted(Counter((u.app, u.kind) for u in units).items()):
            row = {"toepassing": _clean(app), "soort": kind, "aantal": str(count)}
            ET.SubElement(extent, "soort", row)

    def _specification(self, root: ET.Element) -> None:
        part = ET.SubElement(root, "specificatie")
        for unit in self.draft.units:
            row = {"kenmerk": unit.id, "soort": unit.kind, "toepassing": _clean(unit.app)}
            row |= {"bewaring": _clean(unit.custody), "bytes": str(unit.size)}
            row["klasse"] = unit.klass
            if unit.day:
                row["datum"] = unit.day
            ET.SubElement(part, "eenheid", row)
        for (device, epoch, number), items in self.draft.batches.items():
            row = {"apparaat": device, "reeks": str(epoch), "nummer": str(number)}
            ET.SubElement(part, "partij", {**row, "stukken": " ".join(map(str, items))})
        for item, digest in self.draft.extracts:
            ET.SubElement(part, "uittreksel", {"van": item, "sha256": digest})


@dataclass(frozen=True, slots=True)
class Done:
    """One keyring that was replaced: its batch, the log's entry, and when."""

    batch: str
    generation: int
    entry: int
    note: str
    at: datetime


def execution(
    found: DestructionList,
    state: str,
    at: datetime,
    rows: Iterable[Done],
    copies: Iterable[Copy],
    beyond: Iterable[str] = (),
) -> bytes:
    """Return what became of a certificate, as XML: the log's entries, copies that are left."""
    root = ET.Element("uitvoering", {"xmlns": SPACE})
    _texts(root, nummer=str(found.number), verklaring=found.deed, stand=state, op=format_time(at))
    for row in rows:
        change = {"partij": row.batch, "generatie": str(row.generation), "op": format_time(row.at)}
        change |= {"logregel": str(row.entry), "sha256": row.note}
        ET.SubElement(root, "sleutelbosVervangen", change)
    for copy in copies:
        until = f"{after(at, copy.kept):%Y-%m-%d}"
        ET.SubElement(root, "kopie", {"waar": _clean(copy.what), "tot": until})
    for unit in found.dropped if found.round else ():
        ET.SubElement(root, "nietVernietigd", {"kenmerk": unit})
    for text in beyond:  # what no program reaches, and a person answers for
        ET.SubElement(root, "buitenBereik").text = _clean(text)
    return _bytes(root)


def _texts(parent: ET.Element, **values: str) -> None:
    for name, value in values.items():
        ET.SubElement(parent, name).text = _clean(value)


def _clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _bytes(root: ET.Element) -> bytes:
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
