# SPDX-License-Identifier: EUPL-1.2
"""The seals of what leaves: when each item was sealed, and the proof of it.

docs/spec/transfer.md §2. A proof is judged before it is written, with the keys that a receiver
of the delivery has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemjudge import judge_item
from lakzegel_core.keyring import DESTROYED
from lakzegel_office.batchfile import OpenBatch
from lakzegel_office.catalog import Catalog
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_from
from lakzegel_office.config import judge_keys
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.proving import Prover
from lakzegel_office.replay import Replay
from lakzegel_office.replaying import replay_home
from lakzegel_office.stamps import Stamps


@dataclass(frozen=True, slots=True)
class Unseen:
    """What no unit tells of: items that do not open, and batches that the mirror lacks."""

    items: int = 0
    batches: int = 0

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.items or self.batches)


NOTHING: Final = Unseen()


@dataclass(slots=True)
class Evidence:
    """The mirror of one office, replayed once for a whole delivery."""

    office: Office
    catalog: Catalog
    prover: Prover
    replay: Replay
    _records: dict[tuple[str, int, int], HeaderRecord] = field(default_factory=dict)

    @classmethod
    def of(cls, office: Office, now: datetime) -> Self:
        """Return the evidence of an unlocked office.

        Raises:
            UsageError: there is no mirror yet.
            DoubtError: the log in it does not verify.
        """
        mirror = Mirror(office.home.mirror)
        replay = replay_home(office)
        stamps = Stamps(mirror, office.config, replay, now)
        prover = Prover(mirror, replay, Checkpoints.load(mirror, office.config), stamps)
        made = cls(office, catalog_from(office, replay), prover, replay)
        for record in made.catalog.headers():
            header = record.header
            made._records[header.device, header.epoch, header.batch] = record
        return made

    def record(self, item: ItemId) -> HeaderRecord:
        """Return the header of the batch that an item is in.

        Raises:
            UsageError: there is no such batch.
        """
        found = self._records.get((item.device, item.epoch, item.batch))
        if found is None:
            raise UsageError(f"{item}: no such item in the mirror; see: lakzegel-office list")
        return found

    def unseen(self, devices: Collection[str]) -> Unseen:
        """Return how much of these devices, or of all, is in the log and in no unit.

        What was destroyed is not counted: the log says so.
        """
        items = batches = 0
        for record in self.catalog.headers():
            if devices and record.header.device not in devices:
                continue
            try:
                left = record.header.items - sum(1 for _ in self.catalog.batch_items(record))
                items += max(left - self._destroyed(record), 0) if left else 0
            except (DoubtError, LakzegelError, FileNotFoundError):
                batches += 1
        return Unseen(items, batches)

    def _destroyed(self, record: HeaderRecord) -> int:
        with self.catalog.open(record) as batch:
            return sum(slot == DESTROYED for slot in batch.keyring.slots)

    def proofs(self, items: list[ItemId]) -> Iterator[tuple[ItemId, bytes]]:
        """Yield the proof of each item that is still there, batch by batch.

        Raises:
            DoubtError: one cannot be proven.
        """
        batches: dict[tuple[str, int, int], list[ItemId]] = {}
        for item in sorted(set(items)):
            batches.setdefault((item.device, item.epoch, item.batch), []).append(item)
        for some in batches.values():
            record = self.record(some[0])
            try:
                with self.catalog.open(record) as batch:
                    yield from self._of_batch(record, batch, some)
            except (LakzegelError, FileNotFoundError) as error:
                raise DoubtError(f"{record.name}: cannot be proven: {error}") from error

    def commitments(self, items: list[ItemId]) -> Iterator[tuple[ItemId, str]]:
        """Yield what the manifests say of items, which tells nothing of what is in them."""
        for item in items:
            with self.catalog.open(self.record(item)) as batch:
                yield item, b64(batch.entries[item.index].commitment)

    def keys_file(self) -> bytes:
        """Return what `lakzegel-verify --keys` needs."""
        own: Path = self.office.home.notes / "judge.keys"
        if own.is_file():
            return own.read_bytes()
        return judge_keys(self.office.config).to_text().encode()

    def _of_batch(
        self, record: HeaderRecord, batch: OpenBatch, items: list[ItemId]
    ) -> Iterator[tuple[ItemId, bytes]]:
        keys = judge_keys(self.office.config)
        for item in items:
            if batch.keyring.slots[item.index] == DESTROYED:
                continue
            opened = batch.item(item.index)
            proof = self.prover.prove(record, batch, item.index, opened, context=True)
            digest = hashlib.sha256(opened.payload).digest()
            judge_item(proof, keys, sha256=digest, size=len(opened.payload))
            yield item, proof.to_bytes()
