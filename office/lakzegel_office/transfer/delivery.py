# SPDX-License-Identifier: EUPL-1.2
"""Writing one delivery: every chosen unit's files below the folder of its record.

docs/spec/transfer.md §3. What the metadata says of them (`sip.py`) comes after; so do bags, and
folders of plain mails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.names import ItemId
from lakzegel_office.transfer.choosing import Inventory
from lakzegel_office.transfer.evidence import Evidence
from lakzegel_office.transfer.model import Content, Dossier, Record, Role, Written
from lakzegel_office.transfer.outfolder import OutFolder
from lakzegel_office.transfer.safenames import Names

TOLD_EVERY: Final = 500  # records between two lines of progress


@dataclass(frozen=True, slots=True)
class Placed:
    """A record, and its files as they lie in the delivery."""

    record: Record
    folder: str
    files: tuple[Written, ...]


@dataclass(frozen=True, slots=True)
class PlacedDossier:
    """A dossier in the delivery; its own record is without contents by now."""

    dossier: Dossier
    folder: str
    records: tuple[Placed, ...]


@dataclass(slots=True)
class Delivery:
    """One delivery on its way to the disk."""

    out: OutFolder
    inventory: Inventory
    names: Names = field(default_factory=Names)
    below: str = ""  # with `/` at its end, or nothing
    say: Callable[[str], None] = lambda _: None
    series: dict[str, str] = field(default_factory=dict)  # custody → folder
    dossiers: list[PlacedDossier] = field(default_factory=list)
    _records: int = 0

    def put(self, dossiers: Iterator[Dossier]) -> None:
        """Write the files of all dossiers; what fails is in the inventory, by its reason."""
        for dossier in dossiers:
            placed = self._dossier(dossier)
            if placed is not None:
                self.dossiers.append(placed)

    def prove(self, evidence: Evidence) -> None:
        """Write the proof of every sealed segment that lies whole in a file, beside that file.

        Raises:
            DoubtError: one cannot be proven.
        """
        where: defaultdict[ItemId, list[tuple[Written, int]]] = defaultdict(list)
        for file in self.out.written:
            for number, seal in enumerate(file.seals, 1):
                where[seal.item].append((file, number if len(file.seals) > 1 else 0))
        proofs: defaultdict[str, list[Written]] = defaultdict(list)
        for item, data in evidence.proofs(list(where)):
            for file, number in where[item]:
                path = f"{file.path}{f'.{number}' if number else ''}.proof"
                title = f"Zegelbewijs van {item}"
                made = self.out.write(path, [data], title=title, role=Role.PROOF)
                proofs[file.path].append(made)
        self.dossiers = [_with(dossier, proofs) for dossier in self.dossiers]

    def _dossier(self, dossier: Dossier) -> PlacedDossier | None:
        placed: list[Placed] = []
        folder = ""
        for record in dossier.records:
            folder = folder or self._folder(dossier)
            made = self._record(record, folder)
            if made is not None:
                placed.append(made)
        if not placed:
            return None
        return PlacedDossier(replace(dossier, records=()), folder, tuple(placed))

    def _folder(self, dossier: Dossier) -> str:
        custody = dossier.custody
        if custody not in self.series:
            self.series[custody] = self.below + self.names.take(custody, "serie")
        name = self.names.take(dossier.title, dossier.id)
        return f"{self.series[custody]}/{name}"

    def _record(self, record: Record, dossier: str) -> Placed | None:
        folder = f"{dossier}/{self.names.take(record.title, record.id)}"
        files: list[Written] = []
        for content in record.contents:
            try:
                file = self._file(content, record, folder)
            except (DoubtError, GoneError, UsageError) as error:
                if content.unit:  # it came along with another, which does not need it
                    self.inventory.fail([content.unit], str(error))
                    continue
                self.out.drop(folder)
                taken = [content.unit for content in record.contents if content.unit]
                self.inventory.fail([*record.units, *taken], str(error))
                return None
            self._note(record, content, file)
            files.append(file)
        self._records += 1
        if self._records % TOLD_EVERY == 0:
            self.say(f"{self._records} records written")
        return Placed(replace(record, contents=()), folder, tuple(files))

    def _note(self, record: Record, content: Content, file: Written) -> None:
        """Write into the inventory that a file is of its units."""
        for unit in (content.unit,) if content.unit else record.units:
            self.inventory.rows[unit].files.append(file.path)

    def _file(self, content: Content, record: Record, folder: str) -> Written:
        name = self.names.take(content.title, record.id, content.ending)
        return self.out.write(
            f"{folder}/{name}",
            content.pieces(),
            title=content.title,
            role=content.role,
            seals=content.seals,
            how=content.how,
        )


def _with(dossier: PlacedDossier, proofs: dict[str, list[Written]]) -> PlacedDossier:
    records = tuple(
        replace(placed, files=tuple(_beside(placed.files, proofs))) for placed in dossier.records
    )
    return replace(dossier, records=records)


def _beside(files: Sequence[Written], proofs: dict[str, list[Written]]) -> Iterator[Written]:
    for file in files:
        yield file
        yield from proofs.get(file.path, ())
