# SPDX-License-Identifier: EUPL-1.2
"""What the receiver answers: proof that it sealed an entry and only grew (docs/spec/receipt.md).

A receipt is a tlog-proof. Its ``extra`` is ``old <size>`` and the consistency proof from that size,
a base64 hash a line; it needs no signature, for it proves itself against both roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lakzegel_core.checkpoint import Checkpoint, LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import ConsistencyError, FormatError
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import DIGEST
from lakzegel_core.merkle import leaf_hash, verify_consistency, verify_inclusion
from lakzegel_core.tlogproof import TlogProof


@dataclass(frozen=True, slots=True)
class Receipt:
    """A verified receipt: the entry's index and the checkpoint that it is proven in."""

    index: int
    signed: SignedCheckpoint


def make_receipt(
    index: int,
    path: Sequence[bytes],
    checkpoint: bytes,
    *,
    old_size: int | None = None,
    consistency: Sequence[bytes] = (),
) -> bytes:
    """The receipt's bytes; with ``old_size``, a consistency proof from that tree."""
    extra = None
    if old_size is not None:
        lines = [f"old {old_size}", *(b64(h) for h in consistency), ""]
        extra = "\n".join(lines).encode()
    return TlogProof(index, tuple(path), checkpoint, extra).to_bytes()


def verify_receipt(
    data: bytes,
    *,
    entry: bytes,
    log: LogKeys,
    seen: Checkpoint | None,
    witnesses: Sequence[VerifierKey] = (),
) -> Receipt:
    """The receipt, when everything in it holds.

    1. The checkpoint carries both signatures of the pinned log.
    2. The entry's leaf is included at the stated index.
    3. The checkpoint's tree extends the last one that was seen.

    Raises:
        FormatError, SignatureError, InclusionError, ConsistencyError.
    """
    proof = TlogProof.parse(data)
    signed = open_checkpoint(proof.checkpoint, log, witnesses=witnesses)
    tree = signed.checkpoint
    verify_inclusion(
        index=proof.index,
        size=tree.size,
        leaf=leaf_hash(entry),
        proof=proof.path,
        root=tree.root,
    )
    if seen is not None:
        _require_not_smaller(tree, seen)  # a rollback is called one, whatever its proof starts from
        verify_extends(tree, seen, _parse_extra(proof.extra, seen))
    return Receipt(proof.index, signed)


def verify_extends(tree: Checkpoint, seen: Checkpoint, proof: Sequence[bytes]) -> None:
    """Return when ``tree`` is of the same log as ``seen`` and extends it.

    Raises:
        ConsistencyError: a smaller tree (rollback) or another history (fork).
    """
    _require_not_smaller(tree, seen)
    verify_consistency(
        old_size=seen.size,
        new_size=tree.size,
        old_root=seen.root,
        new_root=tree.root,
        proof=proof,
    )


def _require_not_smaller(tree: Checkpoint, seen: Checkpoint) -> None:
    if tree.origin != seen.origin:
        raise ConsistencyError(f"log {tree.origin} is not {seen.origin}")
    if tree.size < seen.size:
        raise ConsistencyError(f"the log shrank: {seen.size} entries were seen, now {tree.size}")


def _parse_extra(extra: bytes | None, seen: Checkpoint) -> list[bytes]:
    if extra is None:
        return []
    try:
        lines = extra.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("receipt", "extra is not ASCII") from None
    if lines.pop() or not lines or not lines[0].startswith("old "):
        raise FormatError("receipt", "extra is not a consistency proof")
    if parse_decimal(lines[0].removeprefix("old "), what="receipt old size") != seen.size:
        raise ConsistencyError(f"the receipt does not start from the {seen.size} entries seen")
    return [unb64(line, what="receipt hash", size=DIGEST) for line in lines[1:]]
