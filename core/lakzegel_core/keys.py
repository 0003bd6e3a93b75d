# SPDX-License-Identifier: EUPL-1.2
"""Keys that sign notes and checkpoints (docs/spec/notes.md §3).

    verifier key   log.example/lakzegel+3fa9c1d2+AZ8s...   name+key id+base64(type || public key)
    signing key    PRIVATE+KEY+log.example/lakzegel+3fa9c1d2+AW0x...          (type || 32-byte seed)

One key has one role; ``KeyRegister`` refuses a second one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError, LimitError, RoleError, SignatureError
from lakzegel_core.limits import MAX_KEY_NAME

SEED_SIZE: Final = 32
_ED25519_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_ED25519_FIELD: Final = 2**255 - 19
# The y coordinates of the eight points of small order; such a "key" verifies forgeries
# (RFC 8032 does not forbid them, every strict profile does).
_SMALL_ORDER_Y: Final = frozenset(
    {
        0,
        1,
        _ED25519_FIELD - 1,
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    }
)
_PRIVATE: Final = "PRIVATE+KEY+"


class Algorithm(IntEnum):
    """The C2SP signed-note signature types that we use."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    MLDSA44_COSIGNATURE = 0x06

    @property
    def public_size(self) -> int:
        """Bytes of a public key."""
        return 1312 if self is Algorithm.MLDSA44_COSIGNATURE else 32

    @property
    def signature_size(self) -> int:
        """Bytes of a bare signature, without key id and timestamp."""
        return 2420 if self is Algorithm.MLDSA44_COSIGNATURE else 64


class Role(StrEnum):
    """What a key may sign; one key, one role."""

    LOG = "log"
    HEADER = "header"
    DEVICE_WITNESS = "device-witness"
    TOKEN = "token"  # noqa: S105 - the name of a role
    POLICY = "policy"
    ENROLMENT = "enrolment"
    APPROVAL = "approval"
    WITNESS = "witness"
    MIRROR = "mirror"
    HELD = "held"
    TRAIL = "trail"


def check_name(name: str) -> str:
    """The name, when C2SP signed-note allows it.

    Raises:
        FormatError: empty, or with a space, control character or plus.
        LimitError: more than 255 bytes.
    """
    if not name or "+" in name or " " in name or not name.isprintable():  # no other space is
        raise FormatError("key name", "empty, or holds a space, control character or plus")
    if len(name.encode("utf-8")) > MAX_KEY_NAME:
        raise LimitError("key name", f"more than {MAX_KEY_NAME} bytes")
    return name


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key; construction checks name and key."""

    name: str
    algorithm: Algorithm
    public: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public) != self.algorithm.public_size:
            raise FormatError("verifier key", "public key of the wrong length")
        if self.algorithm is not Algorithm.MLDSA44_COSIGNATURE:
            _check_ed25519_public(self.public)

    @property
    def key_id(self) -> bytes:
        """The four bytes that select this key in a signature line."""
        kind = bytes([self.algorithm])
        return hashlib.sha256(self.name.encode() + b"\n" + kind + self.public).digest()[:4]

    def to_text(self) -> str:
        """``name+key id+base64``, as Go's ``note`` package reads it."""
        material = b64(bytes([self.algorithm]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key of a verifier key line.

        Raises:
            FormatError: not canonical, an unknown type, or an id that does not belong.
        """
        name, algorithm, public = _parse_key(text, "verifier key")
        key = cls(name, algorithm, public)
        if key.to_text() != text:
            raise FormatError("verifier key", "its id does not belong to it")
        return key

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return when the bare signature holds over the message.

        Raises:
            SignatureError: it does not.
        """
        if len(signature) != self.algorithm.signature_size:
            raise SignatureError(f"{self.name}: signature of the wrong length")
        try:
            if self.algorithm is Algorithm.MLDSA44_COSIGNATURE:
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                _check_ed25519_scalar(signature, self.name)
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            raise SignatureError(f"{self.name}: the signature does not hold") from None


class Signer(Protocol):
    """A private key, wherever it is: in memory, or in a device that signs with it."""

    @property
    def verifier(self) -> VerifierKey:
        """The public half, with its name."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the bare signature over the message."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A named private key, held as its 32-byte seed."""

    verifier: VerifierKey
    seed: bytes

    @classmethod
    def from_seed(cls, name: str, algorithm: Algorithm, seed: bytes) -> Self:
        """The key that belongs to a random seed of 32 bytes."""
        if len(seed) != SEED_SIZE:
            raise FormatError("signing key", "seed of the wrong length")
        if algorithm is Algorithm.MLDSA44_COSIGNATURE:
            public = MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
        else:
            public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        return cls(VerifierKey(name, algorithm, public), seed)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key of a ``PRIVATE+KEY+`` line.

        Raises:
            FormatError: not canonical, an unknown type, or an id that does not belong.
        """
        if not text.startswith(_PRIVATE):
            raise FormatError("signing key", f"does not begin with {_PRIVATE}")
        name, algorithm, seed = _parse_key(text.removeprefix(_PRIVATE), "signing key")
        key = cls.from_seed(name, algorithm, seed)
        if key.to_text() != text:
            raise FormatError("signing key", "its id does not belong to it")
        return key

    def to_text(self) -> str:
        """The secret line; for a file that only its owner can read."""
        material = b64(bytes([self.verifier.algorithm]) + self.seed)
        return f"{_PRIVATE}{self.verifier.name}+{self.verifier.key_id.hex()}+{material}"

    def sign(self, message: bytes) -> bytes:
        """The bare signature over the message."""
        if self.verifier.algorithm is Algorithm.MLDSA44_COSIGNATURE:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed).sign(message)
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier.name})"


@dataclass(frozen=True, slots=True)
class RoleKey:
    """A key and the one role it has."""

    role: Role
    key: VerifierKey


class KeyRegister:
    """Every key met so far, each with its one role."""

    def __init__(self) -> None:
        self._by_public: dict[bytes, RoleKey] = {}
        self._by_id: dict[tuple[str, bytes], RoleKey] = {}

    def check(self, entry: RoleKey) -> None:
        """Return when the key is new, or known in the very same role.

        Raises:
            RoleError: it has another role, or another key has its name and id.
        """
        identity = (entry.key.name, entry.key.key_id)
        for known in (self._by_public.get(entry.key.public), self._by_id.get(identity)):
            if known is not None and known != entry:
                raise RoleError(f"{entry.key.name}: is a {known.role} key, not a {entry.role} key")

    def add(self, entry: RoleKey) -> None:
        """Remember the key; raises RoleError as ``check`` does."""
        self.check(entry)
        self._by_public[entry.key.public] = entry
        self._by_id[(entry.key.name, entry.key.key_id)] = entry


def _parse_key(text: str, what: str) -> tuple[str, Algorithm, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, id, material
        raise FormatError(what, "not name+id+base64")
    material = unb64(parts[2], what=what)
    if not material or material[0] not in set(Algorithm):
        raise FormatError(what, "unknown signature type")
    return parts[0], Algorithm(material[0]), material[1:]


def _check_ed25519_public(public: bytes) -> None:
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _ED25519_FIELD:
        raise FormatError("verifier key", "not the canonical encoding of a point")
    if y in _SMALL_ORDER_Y:
        raise FormatError("verifier key", "a point of small order")


def _check_ed25519_scalar(signature: bytes, name: str) -> None:
    """RFC 8032 §5.1.7: S is below the group's order, else a signature could be altered."""
    if int.from_bytes(signature[32:], "little") >= _ED25519_ORDER:
        raise SignatureError(f"{name}: S is not below the group's order")
