# SPDX-License-Identifier: EUPL-1.2
"""C2SP tlog-checkpoint without extension lines.

    log.example/lakzegel
    1042
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — log.example/lakzegel P6nB0g...   Ed25519, 0x01
    — log.example/lakzegel 7Yw0qg...   ML-DSA-44, 0x06, with the time of signing
    — records.example/witness ...      cosignatures, 0x04

docs/spec/log.md §4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from lakzegel_core.cosignature import Cosignature, cosign, verify_cosignature
from lakzegel_core.encoding import b64, parse_decimal, unb64
from lakzegel_core.errors import FormatError, LimitError, MissingSignatureError, RoleError
from lakzegel_core.keys import Algorithm, Signer, SigningKey, VerifierKey, check_name
from lakzegel_core.limits import DIGEST, MAX_CHECKPOINT, MAX_TREE
from lakzegel_core.note import Note, Signature, parse


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree of one log: origin, number of entries, root."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> bytes:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n".encode()

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """The checkpoint of a note's text.

        Raises:
            FormatError: other lines, or not the canonical encoding.
        """
        lines = text.decode("utf-8").split("\n")
        if len(lines) != 4 or lines[3]:  # noqa: PLR2004 - origin, size, root, end
            raise FormatError("checkpoint", "not origin, size and root, a line each")
        size = parse_decimal(lines[1], what="checkpoint size")
        if size > MAX_TREE:
            raise LimitError("checkpoint size", f"beyond {MAX_TREE}")
        return cls(check_name(lines[0]), size, unb64(lines[2], what="checkpoint root", size=DIGEST))


@dataclass(frozen=True, slots=True)
class LogKeys:
    """A log's two keys; a verifier of ours wants both signatures."""

    ed25519: VerifierKey
    mldsa: VerifierKey

    def __post_init__(self) -> None:
        if self.ed25519.algorithm is not Algorithm.ED25519:
            raise RoleError("the log's first key must be an Ed25519 key (type 0x01)")
        if self.mldsa.algorithm is not Algorithm.MLDSA44_COSIGNATURE:
            raise RoleError("the log's second key must be an ML-DSA-44 key (type 0x06)")
        if self.ed25519.name != self.mldsa.name:
            raise RoleError("the log's two keys have different names")

    @property
    def origin(self) -> str:
        """The log's name, which is also its keys' name."""
        return self.ed25519.name

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> Self:
        """The keys of two verifier key lines, in either order.

        Raises:
            FormatError: a line is not a verifier key, or not two lines.
            RoleError: not one of each type.
        """
        keys = sorted((VerifierKey.from_text(t) for t in texts), key=lambda k: k.algorithm)
        if len(keys) != 2:  # noqa: PLR2004 - one of each type
            raise FormatError("log keys", f"{len(keys)} keys where 2 belong")
        return cls(keys[0], keys[1])


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A verified checkpoint: its exact bytes, when the log says it signed, who cosigned."""

    checkpoint: Checkpoint
    data: bytes
    signed_at: int
    cosignatures: tuple[Cosignature, ...]


def sign_checkpoint(
    checkpoint: Checkpoint, ed25519: Signer, mldsa: SigningKey, *, now: int
) -> bytes:
    """The checkpoint note with the log's two signatures."""
    text = checkpoint.to_text()
    first = Signature(ed25519.verifier.name, ed25519.verifier.key_id, ed25519.sign(text))
    return Note(text, (first, cosign(checkpoint, mldsa, now=now))).to_bytes()


def peek_checkpoint(data: bytes) -> Checkpoint:
    """The unverified checkpoint of a note; only to find out what is spoken of."""
    return Checkpoint.from_text(parse(data, max_size=MAX_CHECKPOINT).text)


def open_checkpoint(
    data: bytes, log: LogKeys, *, witnesses: Sequence[VerifierKey] = ()
) -> SignedCheckpoint:
    """The checkpoint, when both of the log's signatures hold.

    Lines of unknown keys are passed over, as signed-note demands; a known witness's line that does
    not hold refuses the whole.

    Raises:
        FormatError, LimitError: not a checkpoint note, or a checkpoint of another log.
        MissingSignatureError: one of the log's signatures is not there.
        SignatureError: one does not hold.
    """
    note = parse(data, max_size=MAX_CHECKPOINT)
    lines = {(s.name, s.key_id): s for s in note.signatures}
    if len(lines) != len(note.signatures):
        raise FormatError("checkpoint", "one key signed twice")
    first = lines.get((log.ed25519.name, log.ed25519.key_id))
    second = lines.get((log.mldsa.name, log.mldsa.key_id))
    if first is None or second is None:
        missing = "Ed25519" if first is None else "ML-DSA-44"
        raise MissingSignatureError(f"checkpoint: the log's {missing} signature is missing")
    log.ed25519.verify(first.raw, note.text)
    checkpoint = Checkpoint.from_text(note.text)
    if checkpoint.origin != log.origin:
        raise FormatError("checkpoint", f"of log {checkpoint.origin}, not {log.origin}")
    signed_at = verify_cosignature(checkpoint, second, log.mldsa).timestamp
    seen = [(key, lines.get((key.name, key.key_id))) for key in witnesses]
    found = tuple(verify_cosignature(checkpoint, line, key) for key, line in seen if line)
    return SignedCheckpoint(checkpoint, data, signed_at, found)
