# SPDX-License-Identifier: EUPL-1.2
"""What a proof of one item proves to somebody who has only keys (docs/spec/proof.md §3).

log <vkey>            Ed25519 and ML-DSA-44, a line each
log <vkey>
policy <vkey>         1 to 8, in their order
threshold <n>
witness <vkey>        optional
quorum <n>            how many of them must have cosigned; only with witnesses
authority <sha256>    optional: of the root of a time-stamp authority
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from lakzegel_core.batch import Header
from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import JsonValue, parse_decimal, unb64
from lakzegel_core.errors import (
    CommitmentMismatchError,
    ConsistencyError,
    DigestMismatchError,
    FormatError,
    SizeMismatchError,
)
from lakzegel_core.itemopen import parse_context, parse_core
from lakzegel_core.itemproof import MAX_ROOTS, Anchor, ItemProof, LoggedNote
from lakzegel_core.itemstanding import Standing
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import DIGEST
from lakzegel_core.manifest import parse_manifest
from lakzegel_core.merkle import leaf_hash, node_hash, verify_consistency, verify_inclusion
from lakzegel_core.quorum import Quorum, require_quorum

_LABELS: Final = {"log", "policy", "threshold", "witness", "quorum", "authority"}
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class JudgeKeys:
    """Whom a judge trusts: the log, the policy keys, perhaps witnesses."""

    log: LogKeys
    policy: tuple[VerifierKey, ...]
    threshold: int
    quorum: Quorum
    authorities: tuple[str, ...] = ()  # fingerprints of roots

    def to_text(self) -> str:
        """The lines of a key file."""
        rows = [f"log {key.to_text()}" for key in (self.log.ed25519, self.log.mldsa)]
        rows += [f"policy {key.to_text()}" for key in self.policy]
        rows.append(f"threshold {self.threshold}")
        rows += [f"witness {key.to_text()}" for key in self.quorum.witnesses]
        if self.quorum.witnesses:
            rows.append(f"quorum {self.quorum.threshold}")
        rows += [f"authority {one}" for one in self.authorities]
        return "\n".join(rows) + "\n"

    @classmethod
    def from_text(cls, text: str) -> JudgeKeys:
        """The keys of a key file.

        Raises:
            FormatError: a line that does not belong, or one that is missing.
        """
        rows: dict[str, list[str]] = {}
        for row in text.splitlines():
            label, _, value = row.partition(" ")
            rows.setdefault(label, []).append(value)
        if unknown := set(rows) - _LABELS:
            raise FormatError("key file", f"nobody knows a line '{min(unknown)} …'")
        policy = tuple(VerifierKey.from_text(value) for value in rows.get("policy", []))
        threshold = _number(rows, "threshold", None)
        if not 0 < threshold <= len(policy):
            raise FormatError("key file", f"threshold {threshold} of {len(policy)} policy keys")
        witnesses = tuple(VerifierKey.from_text(value) for value in rows.get("witness", []))
        quorum = Quorum(witnesses, _number(rows, "quorum", 0))
        authorities = tuple(rows.get("authority", []))
        if len(authorities) > MAX_ROOTS or not all(_FINGERPRINT.match(a) for a in authorities):
            raise FormatError("key file", "an authority is 64 digits of lower-case hexadecimal")
        log = LogKeys.from_texts(rows.get("log", []))
        return cls(log, policy, threshold, quorum, authorities)


@dataclass(frozen=True, slots=True)
class ProvenItem:
    """What was proven, and no more: who committed to what, when."""

    device: str
    epoch: int
    batch: int
    index: int
    kind: str
    source: str
    size: int
    after: datetime | None
    before: datetime
    cosigners: tuple[str, ...]

    def sentence(self) -> str:
        """The verdict."""
        since = f"after {_time(self.after)} and " if self.after else ""
        return (
            f"device {self.device} committed to these {self.size} bytes in source {self.source!r} "
            f"{since}before {_time(self.before)}"
        )


def judge_item(proof: ItemProof, keys: JudgeKeys, *, sha256: bytes, size: int) -> ProvenItem:
    """What the proof proves of a file with this SHA-256 and this many bytes.

    Raises:
        LakzegelError: the first thing that does not hold.
    """
    # 1. the checkpoints are the log's, and enough witnesses saw one of them
    signed = _cosigned(proof, keys)
    require_quorum(signed, keys.quorum)
    # 2. every note is in that log
    for note in proof.notes:
        _require_included(note, signed)
    # 3. one of them is a header, and the device had the right to sign it
    standing = Standing.of(proof.notes, keys.log.origin, keys.policy, keys.threshold)
    header = standing.header
    # 4. what the device had seen is this very log
    _require_seen(proof, standing, signed)
    # 5. the manifest entry is in the header's contents; core and context are what it commits to
    _require_committed(proof, header)
    # 6. the file is what core states
    core = parse_core(proof.core, what="proof core")
    _require_file(core, sha256, size)
    if proof.context is not None:
        parse_context(proof.context, kind=str(core["kind"]), what="proof context")
    # 7. the times
    after = _anchor(proof.after, signed, keys.log)
    before = _anchor(proof.before, signed, keys.log)
    if after is not None and after.checkpoint.size > header.seen.size:
        raise ConsistencyError("'after' is a checkpoint that the device had not seen yet")
    if before is not None and before.checkpoint.size <= standing.index:
        raise ConsistencyError("'before' is a checkpoint without the header")
    # 8. what was stamped is of the same history, and holds the header
    for stamp in proof.stamps:
        stamped = _anchor(stamp.anchor, signed, keys.log)
        if stamped is None or stamped.checkpoint.size <= standing.index:
            raise ConsistencyError("'stamped' is a checkpoint without the header")
    return ProvenItem(
        device=header.device,
        epoch=header.epoch,
        batch=header.batch,
        index=proof.item,
        kind=str(core["kind"]),
        source=str(core["source"]),
        size=size,
        after=_moment(after.signed_at) if after is not None else None,
        before=_moment((before or signed).signed_at),
        cosigners=tuple(line.key.name for line in signed.cosignatures),
    )


def _cosigned(proof: ItemProof, keys: JudgeKeys) -> SignedCheckpoint:
    """The checkpoint, with whoever cosigned it or, before, one that was stamped."""
    witnesses = keys.quorum.witnesses
    signed = open_checkpoint(proof.checkpoint, keys.log, witnesses=witnesses)
    lines = {line.key: line for line in signed.cosignatures}
    for stamp in proof.stamps:
        stamped = open_checkpoint(stamp.anchor.checkpoint, keys.log, witnesses=witnesses)
        lines |= {line.key: line for line in stamped.cosignatures if line.key not in lines}
    return replace(signed, cosignatures=tuple(lines.values()))


def _require_seen(proof: ItemProof, standing: Standing, signed: SignedCheckpoint) -> None:
    seen, tree = standing.header.seen, signed.checkpoint
    if seen.size > standing.index:
        raise ConsistencyError("the header saw a larger log than there was before it")
    verify_consistency(
        old_size=seen.size,
        new_size=tree.size,
        old_root=seen.root,
        new_root=tree.root,
        proof=proof.seen,
    )


def _require_committed(proof: ItemProof, header: Header) -> None:
    (entry,) = parse_manifest(proof.entry, 1)
    verify_inclusion(
        index=proof.item,
        size=header.items,
        leaf=leaf_hash(proof.entry),
        proof=proof.contents,
        root=header.contents,
    )
    commitment = node_hash(leaf_hash(proof.core), proof.context_hash)
    if not hmac.compare_digest(commitment, entry.commitment):
        raise CommitmentMismatchError("core and context are not what the batch commits to")


def _require_file(core: Mapping[str, JsonValue], sha256: bytes, size: int) -> None:
    if core["size"] != size:
        raise SizeMismatchError(f"the file has {size} bytes, the item {core['size']}")
    stated = unb64(str(core["sha256"]), what="proof core sha256", size=DIGEST)
    if not hmac.compare_digest(stated, sha256):
        raise DigestMismatchError("the file is not the one that the device committed to")


def _require_included(note: LoggedNote, signed: SignedCheckpoint) -> None:
    verify_inclusion(
        index=note.index,
        size=signed.checkpoint.size,
        leaf=leaf_hash(note.data),
        proof=note.path,
        root=signed.checkpoint.root,
    )


def _anchor(
    anchor: Anchor | None, signed: SignedCheckpoint, log: LogKeys
) -> SignedCheckpoint | None:
    """A second checkpoint, when the log signed it and it is of the same history."""
    if anchor is None:
        return None
    other = open_checkpoint(anchor.checkpoint, log)
    verify_consistency(
        old_size=other.checkpoint.size,
        new_size=signed.checkpoint.size,
        old_root=other.checkpoint.root,
        new_root=signed.checkpoint.root,
        proof=anchor.path,
    )
    return other


def _number(rows: dict[str, list[str]], label: str, default: int | None) -> int:
    values = rows.get(label, [])
    if not values and default is not None:
        return default
    if len(values) != 1:
        raise FormatError("key file", f"not one line '{label} …'")
    return parse_decimal(values[0], what=f"key file {label}")


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise FormatError("checkpoint", "signed at a time that no calendar has") from None


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment is not None else "-"
