# SPDX-License-Identifier: EUPL-1.2
"""The MDTO-SIP: a sidecar for every folder and every file, and the packing slip.

docs/spec/transfer.md §3, §5. A folder's sidecar lies in it, a file's beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.transfer.delivery import Delivery, Placed, PlacedDossier
from lakzegel_office.transfer.evidence import NOTHING, Evidence, Unseen
from lakzegel_office.transfer.formats import identify_all
from lakzegel_office.transfer.mdto import (
    Event,
    File,
    Format,
    Object,
    Reference,
    file_document,
    object_document,
)
from lakzegel_office.transfer.model import Record, Role, Written
from lakzegel_office.transfer.settings import Category, Settings
from lakzegel_office.transfer.xmltext import Document

_KNOWN: Final = {Role.PROOF: Format("Plain Text File", "x-fmt/111")}
ABOUT: Final = "Toelichting, inventaris en zegelsleutels van deze levering"


@dataclass(frozen=True, slots=True)
class Order:
    """What is said of the delivery as a whole."""

    name: str
    created: datetime
    org: str
    origin: str
    settings: Settings
    top: Reference | None = None
    request: str = ""
    unseen: Unseen = NOTHING

    @property
    def source(self) -> str:
        """Whose ids the objects have."""
        return f"Lakzegel, {self.origin}"


@dataclass(slots=True)
class Sip:
    """Adds the metadata to a delivery whose files are written."""

    delivery: Delivery
    evidence: Evidence
    order: Order
    objects: int = 0
    replaced: int = 0  # characters that XML has no place for
    _formats: Mapping[str, Format] = field(default_factory=dict)

    def describe(self) -> None:
        """Write every sidecar."""
        files = [file for file in self.delivery.out.written if file.role not in _KNOWN]
        found = identify_all(self.delivery.out.root, [file.path for file in files])
        self._formats = dict(found)
        for custody, folder in self.delivery.series.items():
            here = [d for d in self.delivery.dossiers if d.dossier.custody == custody]
            if here:
                self._series(custody, folder, here)
        self._about([file for file in files if file.role is Role.ABOUT])

    def whole(self) -> Document:
        """Return the metadata of the delivery itself, for a package that describes it as one."""
        own = Reference(self.order.name, f"levering/{self.order.name}/pakket", self.order.source)
        category = self.order.settings.category(custody="", app="", source="")
        return object_document(self._object(own, "Serie", category, self.order.top))

    def _series(self, custody: str, folder: str, dossiers: Sequence[PlacedDossier]) -> None:
        own = Reference(f"Berichten van {custody}", custody, self.order.source)
        parts = [self._dossier(dossier, own) for dossier in dossiers]
        category = self.order.settings.category(custody=custody, app="", source="")
        made = self._object(own, "Serie", category, self.order.top, parts=parts)
        self._put(folder, object_document(made))

    def _dossier(self, placed: PlacedDossier, parent: Reference) -> Reference:
        dossier = placed.dossier
        own = Reference(dossier.title, f"{dossier.id}", self.order.source)
        category = self._category(placed)
        parts = [self._record(record, own, category) for record in placed.records]
        made = self._object(own, "Dossier", category, parent, parts=parts)
        self._put(placed.folder, object_document(made))
        return own

    def _record(self, placed: Placed, parent: Reference, category: Category) -> Reference:
        record = placed.record
        own = Reference(record.title, f"{parent.id}/{record.id}", self.order.source)
        files = [
            (file, Reference(_leaf(file.path), f"{own.id}/{number}", self.order.source))
            for number, file in enumerate(placed.files, 1)
        ]
        frozen = max((self.evidence.record(i).header.closed for i in record.items), default=None)
        made = Object(
            own,
            "Archiefstuk",
            category,
            self.order.settings.selection_list,
            self.order.settings.creator,
            description=_description(record),
            first=record.first,
            last=record.last,
            events=tuple(self._events(placed, frozen)),
            frozen=frozen,
            parent=parent,
            files=[ref for file, ref in files if file.role is not Role.PROOF],
            metadata=[ref for file, ref in files if file.role is Role.PROOF],
            people=_people(record),
        )
        self._put(placed.folder, object_document(made))
        for file, reference in files:
            self._file(file, reference, own)
        return own

    def _events(self, placed: Placed, frozen: datetime | None) -> Iterator[Event]:
        record = placed.record
        if record.first is not None:
            yield Event("Creatie", record.first, result="Tijd volgens de bron")
        devices = ", ".join(sorted({item.device for item in record.items}))
        if record.captured is not None:
            yield Event("Opname", record.captured, f"Lakzegel op {devices}")
        if frozen is not None:
            some = [str(item) for item in record.items[:MOST_NAMED]]
            more = len(record.items) - len(some)
            text = ", ".join(some) + (f" en {more} andere" if more else "")
            yield Event("Bevriezing", frozen, f"Lakzegel op {devices}", f"Verzegeld als {text}")
        created = self.order.created
        for file in placed.files:
            if file.how:
                text = f"{_leaf(file.path)}: {file.how}"
                yield Event("Conversie", created, self.order.org, text)
        proofs = sum(file.role is Role.PROOF for file in placed.files)
        if proofs:
            text = f"{proofs} zegelbewijzen gecontroleerd en bijgevoegd"
            yield Event("Validatie Handtekening", created, self.order.org, text)
        yield Event("Export", created, self.order.org, self.order.request or self.order.name)

    def _about(self, files: Sequence[Written]) -> None:
        if not files:
            return
        settings = self.order.settings
        own = Reference(ABOUT, f"levering/{self.order.name}", self.order.source)
        rows = [
            (file, Reference(_leaf(file.path), f"{own.id}/{number}", self.order.source))
            for number, file in enumerate(files, 1)
        ]
        category = settings.category(custody="", app="", source="")
        made = self._object(
            own, "Archiefstuk", category, self.order.top, files=[ref for _, ref in rows]
        )
        self._put(files[0].path.rpartition("/")[0], object_document(made))
        for file, reference in rows:
            self._file(file, reference, own)

    def _object(
        self,
        own: Reference,
        level: str,
        category: Category,
        parent: Reference | None,
        *,
        parts: Sequence[Reference] = (),
        files: Sequence[Reference] = (),
    ) -> Object:
        settings = self.order.settings
        exported = Event("Export", self.order.created, self.order.org, self.order.request)
        return Object(
            own,
            level,
            category,
            settings.selection_list,
            settings.creator,
            events=(exported,),
            parent=parent,
            parts=parts,
            files=files,
        )

    def _category(self, placed: PlacedDossier) -> Category:
        dossier = placed.dossier
        return self.order.settings.category(custody=dossier.custody, app=dossier.app, source="")

    def _file(self, file: Written, own: Reference, of: Reference) -> None:
        known = _KNOWN.get(file.role) or self._formats[file.path]
        made = File(own, file.size, known, file.sha256, self.order.created, of)
        self._write(f"{file.path}.bestand", file_document(made))

    def _put(self, folder: str, made: Document) -> None:
        self.objects += 1
        self._write(f"{folder}/{_leaf(folder)}", made)

    def _write(self, path: str, made: Document) -> None:
        self.replaced += made.replaced
        ending = self.order.settings.sidecar_ending
        self.delivery.out.write(path + ending, [made.data], title="", role=Role.METADATA)


MOST_NAMED: Final = 20  # sealed items that one event names; the inventory has all


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]


def _description(record: Record) -> str:
    parts = []
    if record.kind in {UnitKind.MESSAGE, UnitKind.SYSTEM}:
        parts.append(f"{len(record.units)} berichten")
    if record.first is None and record.at_text:
        parts.append(f"Tijd zoals de bron die schrijft: {record.at_text}")
    if record.labels:
        parts.append(f"Kenmerken van het apparaat: {', '.join(record.labels)}")
    if record.holds:
        parts.append(f"Bewaarplicht wegens: {', '.join(record.holds)}")
    return "; ".join(parts)


def _people(record: Record) -> list[tuple[str, Reference]]:
    sender = record.sender
    if sender is None or not (sender.name or sender.address):
        return []
    return [("Afzender", Reference(sender.name or sender.address, sender.address, "Adres"))]
