# SPDX-License-Identifier: EUPL-1.2
"""What an archivist makes ready for an approver who opens nothing: docs/spec/disposal.md §3.1.

`disposals/N-draft/ontwerp.json`, canonical JSON; bytes in, a draft or an exception out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from lakzegel_core.encoding import b64, canonical_json, parse_canonical_json, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_office.collection.model import Unit
from lakzegel_office.errors import DoubtError
from lakzegel_office.places import BatchPlace

NAME: Final = "ontwerp.json"
KIND: Final = "lakzegel.nl/disposal-draft/v1"
MAX_DRAFT: Final = 8 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of a unit that is to go: nothing of what it says, or who sent it."""

    id: str
    kind: str
    app: str
    custody: str
    klass: str  # in review
    day: str  # empty where it has no time
    size: int

    @classmethod
    def of(cls, unit: Unit, klass: str) -> Self:
        """Return the line of a unit."""
        day = f"{unit.at:%Y-%m-%d}" if unit.at is not None else ""
        return cls(unit.id, str(unit.kind), unit.app, unit.custody, klass, day, unit.size)

    def to_row(self) -> dict[str, Any]:
        """Return it as a draft has it."""
        row = asdict(self)
        klass = row.pop("klass")
        return {**row, "class": klass}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the line that a draft has."""
        more = {name: value for name, value in row.items() if name != "class"}
        return cls(**more, klass=row["class"])


@dataclass(frozen=True, slots=True)
class NewKeyring:
    """The keyring that is to take another's place, which lies beside the draft."""

    batch_id: str
    place: BatchPlace
    old: bytes
    new: bytes
    generation: int
    recipients: bytes
    destroyed: tuple[int, ...]

    def to_row(self) -> dict[str, Any]:
        """Return it as a draft has it."""
        device, epoch, number = self.place
        digests = {"old": self.old, "new": self.new, "recipients": self.recipients}
        return {
            "batch": self.batch_id,
            "device": device,
            "epoch": epoch,
            "number": number,
            "generation": self.generation,
            "destroyed": list(self.destroyed),
            **{name: b64(digest) for name, digest in digests.items()},
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the keyring that a draft has."""
        old, new, recipients = (
            unb64(row[name], what=name) for name in ("old", "new", "recipients")
        )
        place = (row["device"], row["epoch"], row["number"])
        batch, generation = row["batch"], row["generation"]
        return cls(batch, place, old, new, generation, recipients, tuple(row["destroyed"]))


@dataclass(frozen=True, slots=True)
class Draft:
    """All that an approval says, but for who approves and when."""

    number: int
    proposal: str
    units: tuple[Line, ...]
    keyrings: tuple[NewKeyring, ...]
    extracts: tuple[tuple[str, str], ...]  # the segment, SHA-256 of what is in the extract
    annex: str
    periods: tuple[str, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """Every item whose key is to go, sorted."""
        return tuple(
            sorted(
                f"{device}/{epoch}/{number}/{index}"
                for ring in self.keyrings
                for device, epoch, number in (ring.place,)
                for index in ring.destroyed
            )
        )

    @property
    def batches(self) -> Mapping[BatchPlace, Sequence[int]]:
        """The items of each batch."""
        return {ring.place: ring.destroyed for ring in self.keyrings}

    def lines(self) -> Iterator[str]:
        """Yield what an approver is shown."""
        counts = (len(self.units), len(self.items), len(self.extracts))
        yield "{} units, {} sealed items, {} extracts".format(*counts)
        for unit in self.units:
            day = unit.day or "no time"
            columns = (unit.id, unit.klass, unit.kind, unit.app, unit.custody, day, str(unit.size))
            yield "unit\t" + "\t".join(columns)
        yield from (f"item\t{item}" for item in self.items)
        yield from (f"extract\t{item}\tof what stays of it" for item, _ in self.extracts)

    def to_bytes(self) -> bytes:
        """Return the draft's bytes."""
        return canonical_json(
            {
                "annex": self.annex,
                "batches": [ring.to_row() for ring in self.keyrings],
                "extracts": [list(row) for row in self.extracts],
                "kind": KIND,
                "list": self.number,
                "periods": list(self.periods),
                "proposal": self.proposal,
                "units": [unit.to_row() for unit in self.units],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the draft of a file.

        Raises:
            DoubtError: it is none.
        """
        try:
            row: Any = parse_canonical_json(data, what="draft", max_size=MAX_DRAFT)
            if row["kind"] != KIND:
                raise DoubtError("draft: not one")
            return cls(
                row["list"],
                row["proposal"],
                tuple(map(Line.from_row, row["units"])),
                tuple(map(NewKeyring.from_row, row["batches"])),
                tuple((item, digest) for item, digest in row["extracts"]),
                row["annex"],
                tuple(row["periods"]),
            )
        except (LakzegelError, KeyError, TypeError, ValueError) as error:
            raise DoubtError(f"draft: not one: {type(error).__name__}") from error
