# SPDX-License-Identifier: EUPL-1.2
"""Every receipt that was given is true: verified after the clock has stopped."""

from collections.abc import Sequence

from bench.loading.batches import Upload
from bench.loading.fleet import Fleet
from bench.measure import BenchError
from lakzegel_core.batch import Seen
from lakzegel_core.checkpoint import Checkpoint, open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import leaf_hash, verify_inclusion
from lakzegel_core.receipt import verify_receipt
from lakzegel_core.tlogproof import TlogProof

SAMPLE = 100  # receipts that are verified as an agent does, consistency proof and all


class Verifier:
    """Holds what was proven so far: no index is given twice, no tree has two roots."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._signed: dict[bytes, Checkpoint] = {}
        self._roots: dict[int, bytes] = {}
        self._places: dict[int, str] = {}

    def verify(self, receipts: Sequence[tuple[Upload, bytes]], seen: Seen) -> int:
        """How many were verified: each one's inclusion, in a checkpoint that the log signed.

        Raises:
            BenchError: one is not true.
        """
        step = max(1, len(receipts) // SAMPLE)
        for number, (upload, data) in enumerate(receipts):
            try:
                self._verify(upload, data, seen, whole=number % step == 0)
            except LakzegelError as error:
                raise BenchError(f"batch {upload.name}: its receipt is not true: {error}") from None
        return len(receipts)

    def _verify(self, upload: Upload, data: bytes, seen: Seen, *, whole: bool) -> None:
        note = bytes(upload.body[: upload.note_size])
        proof = TlogProof.parse(data)
        tree = self._signed.get(proof.checkpoint)
        if tree is None:
            tree = open_checkpoint(proof.checkpoint, self._fleet.keys).checkpoint
            self._signed[proof.checkpoint] = tree
            if self._roots.setdefault(tree.size, tree.root) != tree.root:
                raise BenchError(f"the log signed two trees of {tree.size} entries")
        leaf = leaf_hash(note)
        verify_inclusion(
            index=proof.index, size=tree.size, leaf=leaf, proof=proof.path, root=tree.root
        )
        if self._places.setdefault(proof.index, upload.name) != upload.name:
            raise BenchError(f"two batches have a receipt of index {proof.index}")
        if whole:
            old = Checkpoint(tree.origin, seen.size, seen.root)
            verify_receipt(data, entry=note, log=self._fleet.keys, seen=old)
