# SPDX-License-Identifier: EUPL-1.2
"""C2SP tlog-cosignature: who saw which tree, when (docs/spec/log.md §5).

Ed25519 (0x04) signs ``cosignature/v1``, ``time T`` and the checkpoint's text. ML-DSA-44 (0x06)
signs the cosigner's name, T, the origin, the tree's size and its root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from lakzegel_core.errors import FormatError, LimitError, UnknownKeyError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.limits import MAX_CHECKPOINT, MAX_SIGNATURES, MAX_TIMESTAMP
from lakzegel_core.note import Note, Signature, parse

_LABEL: Final = b"subtree/v1\n\x00"
_TIMESTAMP: Final = 8


class Tree(Protocol):
    """What a cosignature speaks of: a checkpoint."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    @property
    def size(self) -> int:
        """Its number of entries."""
        ...

    @property
    def root(self) -> bytes:
        """Its root, 32 bytes."""
        ...

    def to_text(self) -> bytes:
        """The checkpoint's exact text."""
        ...


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that was verified: whose, and the POSIX second it states."""

    key: VerifierKey
    timestamp: int


def cosign(tree: Tree, key: SigningKey, *, now: int) -> Signature:
    """The cosigner's signature line over a checkpoint that it has found consistent."""
    message = _message(tree, key.verifier, now)
    raw = now.to_bytes(_TIMESTAMP, "big") + key.sign(message)
    return Signature(key.verifier.name, key.verifier.key_id, raw)


def verify_cosignature(tree: Tree, signature: Signature, key: VerifierKey) -> Cosignature:
    """The verified cosignature.

    Raises:
        UnknownKeyError: the line belongs to another key.
        SignatureError: it does not hold.
    """
    if (signature.name, signature.key_id) != (key.name, key.key_id):
        raise UnknownKeyError(f"signed by {signature.name} where {key.name} should have")
    if len(signature.raw) != _TIMESTAMP + key.algorithm.signature_size:
        raise FormatError("cosignature", "of the wrong length")
    timestamp = int.from_bytes(signature.raw[:_TIMESTAMP], "big")
    if timestamp > MAX_TIMESTAMP:
        raise LimitError("cosignature", "time beyond 2^63 - 1")
    key.verify(signature.raw[_TIMESTAMP:], _message(tree, key, timestamp))
    return Cosignature(key, timestamp)


def add_cosignature(data: bytes, signature: Signature) -> bytes:
    """The checkpoint with one more line; a line of the same key is replaced.

    Raises:
        LimitError: it has 16 lines already.
    """
    note = parse(data, max_size=MAX_CHECKPOINT)
    kept = tuple(
        s for s in note.signatures if (s.name, s.key_id) != (signature.name, signature.key_id)
    )
    if len(kept) >= MAX_SIGNATURES:
        raise LimitError("checkpoint", f"already has {MAX_SIGNATURES} signatures")
    return Note(note.text, (*kept, signature)).to_bytes()


def _message(tree: Tree, key: VerifierKey, timestamp: int) -> bytes:
    if key.algorithm is Algorithm.ED25519_COSIGNATURE:
        return b"cosignature/v1\ntime %d\n" % timestamp + tree.to_text()
    if key.algorithm is not Algorithm.MLDSA44_COSIGNATURE:
        raise UnknownKeyError(f"{key.name}: not a cosigner's key")
    name, origin = key.name.encode(), tree.origin.encode()
    return b"".join(
        [
            _LABEL,
            bytes([len(name)]) + name,
            timestamp.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            bytes(8),
            tree.size.to_bytes(8, "big"),
            tree.root,
        ]
    )
