# SPDX-License-Identifier: EUPL-1.2
"""age v1 files for hybrid post-quantum recipients, and for a passphrase (C2SP age).

    age1pq1…               recipient: ML-KEM-768 key (1,184 bytes) || X25519 key (32)
    AGE-SECRET-KEY-PQ-1…   identity: a seed of 32 bytes

    -> mlkem768x25519 <base64 encapsulated key, 1,120 bytes>
    <base64 HPKE ciphertext of the file key, 32 bytes>

    -> scrypt <base64 salt, 16 bytes> <log2 of the work factor>
    <base64 ChaCha20-Poly1305 of the file key, 32 bytes>

HPKE base mode: MLKEM768-X25519, HKDF-SHA256, ChaCha20Poly1305, info
"age-encryption.org/mlkem768x25519". No ASCII armour, no other recipients.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from lakzegel_core import age_header, age_passphrase, age_stream, bech32
from lakzegel_core.age_header import FILE_KEY, Header, Stanza
from lakzegel_core.errors import DecryptError, FormatError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HYBRID: Final = "mlkem768x25519"
RECIPIENT_PREFIX: Final = "age1pq"
IDENTITY_PREFIX: Final = "AGE-SECRET-KEY-PQ-"
SEED: Final = 32
_MLKEM_PUBLIC: Final = 1_184
_PUBLIC: Final = _MLKEM_PUBLIC + 32
_ENCAPSULATED: Final = 1_120
_MLKEM_SEED: Final = 64
_BODY: Final = FILE_KEY + 16  # bytes: the file key and a tag
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO: Final = b"age-encryption.org/mlkem768x25519"


@lru_cache(maxsize=64)  # milliseconds of arithmetic, for keys that come with every answer
def _public_of(text: str) -> bytes:
    public = bech32.decode(text, prefix=RECIPIENT_PREFIX, what="recipient")
    Recipient(public).key()  # it is one
    return public


@lru_cache(maxsize=64)
def _text_of(public: bytes) -> str:
    return bech32.encode(RECIPIENT_PREFIX, public)


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key that files are encrypted to."""

    public: bytes

    def __post_init__(self) -> None:
        if len(self.public) != _PUBLIC:
            raise FormatError("recipient", f"not {_PUBLIC} bytes")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The recipient of an ``age1pq1…`` text.

        Raises:
            FormatError: anything else.
        """
        return cls(_public_of(text))

    def to_text(self) -> str:
        """The ``age1pq1…`` text."""
        return _text_of(self.public)

    def key(self) -> MLKEM768X25519PublicKey:
        """The key for HPKE.

        Raises:
            FormatError: the ML-KEM half is no key.
        """
        try:
            return MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(self.public[:_MLKEM_PUBLIC]),
                X25519PublicKey.from_public_bytes(self.public[_MLKEM_PUBLIC:]),
            )
        except ValueError:
            raise FormatError("recipient", "not an ML-KEM-768 key") from None


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key, kept as its seed; never shown by ``repr``."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED:
            raise FormatError("identity", f"not {SEED} bytes")

    @classmethod
    def generate(cls) -> Self:
        """A new identity, from the library's own generator."""
        return cls(ChaCha20Poly1305.generate_key())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The identity of 32 random bytes."""
        return cls(seed)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The identity of an ``AGE-SECRET-KEY-PQ-1…`` text.

        Raises:
            FormatError: anything else.
        """
        if text != text.upper():
            raise FormatError("identity", "not in capitals")
        return cls(bech32.decode(text.lower(), prefix=IDENTITY_PREFIX.lower(), what="identity"))

    def to_text(self) -> str:
        """The ``AGE-SECRET-KEY-PQ-1…`` text: a secret."""
        return bech32.encode(IDENTITY_PREFIX.lower(), self.seed).upper()

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        mlkem, x25519 = self._halves()
        return Recipient(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )

    def key(self) -> MLKEM768X25519PrivateKey:
        """The key for HPKE."""
        return MLKEM768X25519PrivateKey(*self._halves())

    def check_share(self, share: bytes) -> None:
        """Refuse a sender's X25519 share that gives the same secret with every key.

        Raises:
            FormatError: a point of low order.
        """
        _, x25519 = self._halves()
        try:
            x25519.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise FormatError("age header", "an X25519 share of low order") from None

    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(_MLKEM_SEED + 32)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED]),
            X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED:]),
        )


def encrypt(
    plaintext: bytes, recipients: Sequence[Recipient], *, random: Callable[[int], bytes]
) -> bytes:
    """An age file that each of ``recipients`` can open.

    Raises:
        FormatError: no recipient, one twice, or one that is no key.
        LimitError: too many.
    """
    if not recipients or len(set(recipients)) != len(recipients):
        raise FormatError("recipients", "none, or one twice")
    if len(recipients) > age_header.MAX_STANZAS:
        raise LimitError("recipients", f"more than {age_header.MAX_STANZAS}")
    file_key = random(FILE_KEY)
    stanzas = tuple(_wrap(file_key, recipient) for recipient in recipients)
    return assemble(stanzas, file_key, plaintext, random=random)


def assemble(
    stanzas: tuple[Stanza, ...],
    file_key: bytes,
    plaintext: bytes,
    *,
    random: Callable[[int], bytes],
) -> bytes:
    """An age file from stanzas that already wrap ``file_key``."""
    nonce = random(age_stream.NONCE)
    return age_header.build(stanzas, file_key) + age_stream.seal(file_key, nonce, plaintext)


def decrypt(data: bytes, identities: Sequence[Identity], *, max_size: int) -> bytes:
    """The plaintext of an age file that one of ``identities`` opens.

    Raises:
        FormatError: not an age v1 file, or a stanza of ours that is malformed.
        LimitError: a plaintext of more than ``max_size`` bytes.
        DecryptError: no identity opens it, or it was changed.
    """
    header = age_header.parse(data)
    age_passphrase.require_alone(header.stanzas)
    return finish(data, header, _unwrap(header, identities), max_size=max_size)


def finish(data: bytes, header: Header, file_key: bytes, *, max_size: int) -> bytes:
    """The plaintext, once a stanza gave the file key: the MAC first, then the payload."""
    age_header.check_mac(header, file_key)
    return age_stream.open_(file_key, data[header.size :], max_size=max_size)


def _wrap(file_key: bytes, recipient: Recipient) -> Stanza:
    sealed = _SUITE.encrypt(file_key, recipient.key(), _INFO)
    share = age_header.raw64(sealed[:_ENCAPSULATED])
    return Stanza((HYBRID, share), sealed[_ENCAPSULATED:])


def _unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    wrapped = [_sealed_key(stanza) for stanza in header.stanzas if stanza.type == HYBRID]
    for identity in identities:
        key = identity.key()
        for sealed in wrapped:
            identity.check_share(sealed[_ENCAPSULATED - 32 : _ENCAPSULATED])
            try:
                return _SUITE.decrypt(sealed, key, _INFO)
            except InvalidTag:
                continue  # another recipient's
    raise DecryptError("age header: no identity opens it")


def _sealed_key(stanza: Stanza) -> bytes:
    """Encapsulated key and ciphertext; lengths are checked before any key is tried."""
    if len(stanza.args) != 2:  # noqa: PLR2004 - the type and the encapsulated key
        raise FormatError("age header", f"{HYBRID} has one argument")
    share = age_header.from_raw64(stanza.args[1].encode(), what="age header", size=_ENCAPSULATED)
    if len(stanza.body) != _BODY:
        raise FormatError("age header", f"{HYBRID} has a body of {_BODY} bytes")
    return share + stanza.body


def encrypt_passphrase(
    plaintext: bytes,
    passphrase: str,
    *,
    random: Callable[[int], bytes],
    work_factor: int = age_passphrase.WORK_FACTOR,
) -> bytes:
    """An age file that ``passphrase`` opens; ``work_factor`` is the log2 of scrypt's cost.

    Raises:
        LimitError: a work factor that readers would refuse.
    """
    file_key = random(FILE_KEY)
    stanza = age_passphrase.wrap(file_key, passphrase, work_factor=work_factor, random=random)
    return assemble((stanza,), file_key, plaintext, random=random)


def decrypt_passphrase(data: bytes, passphrase: str, *, max_size: int) -> bytes:
    """The plaintext of an age file that ``passphrase`` opens.

    Raises:
        FormatError: not an age v1 file for a passphrase.
        LimitError: too large, or too costly to open.
        DecryptError: another passphrase, or it was changed.
    """
    header = age_header.parse(data)
    file_key = age_passphrase.unwrap(header.stanzas, passphrase)
    return finish(data, header, file_key, max_size=max_size)
