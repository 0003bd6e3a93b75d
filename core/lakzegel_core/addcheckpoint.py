# SPDX-License-Identifier: EUPL-1.2
"""C2SP tlog-witness: a log asks a witness for a cosignature (docs/spec/witness.md §1 to §3).

old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=

log.example/lakzegel
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— log.example/lakzegel P6nB0g...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.cosignature import Cosignature, verify_cosignature
from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import (
    FormatError,
    LimitError,
    MissingSignatureError,
    OldSizeError,
    UnknownLogError,
)
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_core.limits import DIGEST, MAX_CHECKPOINT, MAX_TREE
from lakzegel_core.merkle import EMPTY_ROOT, verify_consistency
from lakzegel_core.note import Note, Signature, parse

MAX_REQUEST: Final = 69_632  # bytes; a checkpoint of 64 KiB, 63 hashes and a size
MAX_ANSWER: Final = 65_536  # bytes of signature lines, as in a checkpoint
MAX_SIZE_ANSWER: Final = 32  # bytes; a decimal and a newline
SIZE_TYPE: Final = "text/x.tlog.size"
_MAX_PROOF: Final = 63
Keys = Sequence[VerifierKey]


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The size that the witness is said to know, the proof from there, the checkpoint note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """The request's body."""
        lines = [f"old {self.old}", *(b64(h) for h in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The request, unverified.

        Raises:
            LimitError: larger than any, or more than 63 hashes.
            FormatError: not the one encoding.
        """
        if len(data) > MAX_REQUEST:
            raise LimitError("add-checkpoint", f"{len(data)} bytes, at most {MAX_REQUEST}")
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            first, *rest = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise FormatError("add-checkpoint", "not ASCII before the checkpoint") from None
        if not blank or not first.startswith("old "):
            raise FormatError("add-checkpoint", "does not begin with an old size")
        old = parse_decimal(first.removeprefix("old "), what="old size")
        if old > MAX_TREE:
            raise LimitError("old size", f"beyond {MAX_TREE}")
        if len(rest) > _MAX_PROOF:
            raise LimitError("add-checkpoint", f"{len(rest)} hashes, at most {_MAX_PROOF}")
        proof = tuple(unb64(line, what="proof hash", size=DIGEST) for line in rest)
        found = cls(old, proof, checkpoint)
        parse(checkpoint, max_size=MAX_CHECKPOINT)
        if found.to_bytes() != data:
            raise FormatError("add-checkpoint", "not the canonical encoding")
        return found


@dataclass(frozen=True, slots=True)
class Submission:
    """A request whose checkpoint the log signed; whether it extends the known one is open."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    data: bytes  # the checkpoint with the log's own lines alone, in the order of its keys


def open_request(data: bytes, logs: Mapping[str, Keys]) -> Submission:
    """The request, when a known log signed its checkpoint with all of its keys.

    1. The request is the one encoding, and its checkpoint too.
    2. The checkpoint's origin is that of a known log.
    3. Every key of that log signed; lines of other keys are passed over.
    4. The old size is not above the checkpoint's.

    Raises:
        FormatError: step 1 or 4.
        UnknownLogError: step 2.
        SignatureError: step 3.
    """
    request = AddCheckpoint.parse(data)
    note = parse(request.checkpoint, max_size=MAX_CHECKPOINT)
    checkpoint = Checkpoint.from_text(note.text)
    keys = logs.get(checkpoint.origin)
    if not keys:
        raise UnknownLogError("add-checkpoint: a log that this witness does not know")
    signed = verify_log(note, keys)
    if request.old > checkpoint.size:
        raise FormatError("old size", f"{request.old}, above the checkpoint's {checkpoint.size}")
    return Submission(request.old, request.proof, checkpoint, signed)


def verify_log(note: Note, keys: Keys) -> bytes:
    """The checkpoint note with the lines of these keys alone, which all hold.

    Raises:
        MissingSignatureError: one of them did not sign.
        SignatureError: a line does not hold.
        FormatError: one key signed twice.
    """
    lines = {(line.name, line.key_id): line for line in note.signatures}
    if len(lines) != len(note.signatures):
        raise FormatError("checkpoint", "one key signed twice")
    found = [lines.get((key.name, key.key_id)) for key in keys]
    kept = tuple(line for line in found if line is not None)
    if not keys or len(kept) < len(keys):
        raise MissingSignatureError(f"checkpoint: {len(kept)} of the log's {len(keys)} signatures")
    tree = Checkpoint.from_text(note.text)
    for line, key in zip(kept, keys, strict=True):
        if key.algorithm is Algorithm.ED25519:
            key.verify(line.raw, note.text)
        else:
            verify_cosignature(tree, line, key)
    return Note(note.text, kept).to_bytes()


def verify_extends(submission: Submission, newest: Checkpoint | None) -> Checkpoint:
    """The submitted tree, when it extends the newest one that this witness cosigned.

    1. The old size is the newest's.
    2. A tree of the same size is the same tree.
    3. The consistency proof leads from the newest to the submitted tree; from 0 it is empty.

    Raises:
        OldSizeError: step 1 or 2; ``size`` is the newest's.
        ConsistencyError: step 3.
    """
    tree = submission.checkpoint
    known = newest or Checkpoint(tree.origin, 0, EMPTY_ROOT)
    if submission.old != known.size:
        raise OldSizeError(f"the newest checkpoint cosigned is of {known.size}", size=known.size)
    if tree.size == known.size and tree.root != known.root:
        raise OldSizeError(f"another tree of {known.size} was cosigned: a fork", size=known.size)
    verify_consistency(
        old_size=known.size,
        new_size=tree.size,
        old_root=known.root,
        new_root=tree.root,
        proof=submission.proof,
    )
    return tree


def open_answer(
    data: bytes, tree: Checkpoint, keys: Keys
) -> tuple[tuple[Signature, Cosignature], ...]:
    """The lines of these keys in a witness's answer, each with what it says; all of them hold.

    Raises:
        LimitError, FormatError: not signature lines.
        MissingSignatureError: none of these keys signed.
        SignatureError: a line of one of them does not hold.
    """
    if len(data) > MAX_ANSWER:
        raise LimitError("witness's answer", f"more than {MAX_ANSWER} bytes")
    text = tree.to_text()
    note = parse(text + b"\n" + data, max_size=MAX_ANSWER + len(text) + 1)
    if note.text != text or len({(s.name, s.key_id) for s in note.signatures}) != len(
        note.signatures
    ):
        raise FormatError("witness's answer", "more than signature lines, or a key twice")
    known = {(key.name, key.key_id): key for key in keys}
    found = tuple(
        (line, verify_cosignature(tree, line, known[line.name, line.key_id]))
        for line in note.signatures
        if (line.name, line.key_id) in known
    )
    if not found:
        raise MissingSignatureError("witness's answer: no line of a key that is expected")
    return found


def parse_size(data: bytes) -> int:
    """The size that a witness knows, of its answer 409.

    Raises:
        LimitError, FormatError: not a decimal and a newline.
    """
    if len(data) > MAX_SIZE_ANSWER:
        raise LimitError("witness's size", f"more than {MAX_SIZE_ANSWER} bytes")
    if not data.endswith(b"\n") or not data.isascii():
        raise FormatError("witness's size", "not a decimal and a newline")
    size = parse_decimal(data[:-1].decode(), what="witness's size")
    if size > MAX_TREE:
        raise LimitError("witness's size", f"beyond {MAX_TREE}")
    return size
