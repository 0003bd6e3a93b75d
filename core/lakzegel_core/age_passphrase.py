# SPDX-License-Identifier: EUPL-1.2
"""age v1 files for a passphrase (C2SP age, "The scrypt recipient type").

    -> scrypt <base64 salt, 16 bytes> <log2 of the work factor, decimal>
    <base64 ChaCha20-Poly1305 of the file key under the scrypt key, 32 bytes>

Such a stanza stands alone. Memory is 1 KiB x 2^factor: 32 MiB at 2^15, 256 MiB at 2^18.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from lakzegel_core import age_header
from lakzegel_core.age_header import FILE_KEY, Stanza
from lakzegel_core.errors import DecryptError, FormatError, LimitError

if TYPE_CHECKING:
    from collections.abc import Callable

SCRYPT: Final = "scrypt"
WORK_FACTOR: Final = 15  # log2: 32 MiB and about 0.1 s
MAX_WORK_FACTOR: Final = 18  # log2: what a file may make a reader spend, 256 MiB and about 1 s
_SALT: Final = 16
_LABEL: Final = b"age-encryption.org/v1/scrypt"
_NONCE: Final = bytes(12)  # the wrapping key is used once
_BODY: Final = FILE_KEY + 16
_FACTOR: Final = re.compile(r"[1-9][0-9]*")


def wrap(
    file_key: bytes, passphrase: str, *, work_factor: int, random: Callable[[int], bytes]
) -> Stanza:
    """The stanza that wraps ``file_key`` under ``passphrase``."""
    if not 1 <= work_factor <= MAX_WORK_FACTOR:
        raise LimitError("passphrase", f"work factor 2^{work_factor}, at most 2^{MAX_WORK_FACTOR}")
    salt = random(_SALT)
    body = _cipher(passphrase, salt, work_factor).encrypt(_NONCE, file_key, None)
    return Stanza((SCRYPT, age_header.raw64(salt), str(work_factor)), body)


def unwrap(stanzas: tuple[Stanza, ...], passphrase: str) -> bytes:
    """The file key that the only stanza wraps under ``passphrase``.

    Raises:
        FormatError: other stanzas too, or a malformed one.
        LimitError: a work factor that would cost too much.
        DecryptError: another passphrase.
    """
    require_alone(stanzas)
    stanza = stanzas[0]
    if stanza.type != SCRYPT:
        raise DecryptError("age header: not encrypted with a passphrase")
    salt, work_factor = _parse(stanza)
    try:
        return _cipher(passphrase, salt, work_factor).decrypt(_NONCE, stanza.body, None)
    except InvalidTag:
        raise DecryptError("age header: another passphrase") from None


def require_alone(stanzas: tuple[Stanza, ...]) -> None:
    """Refuse a header where a passphrase stands beside any other way to open it.

    Raises:
        FormatError: it does.
    """
    if len(stanzas) > 1 and any(stanza.type == SCRYPT for stanza in stanzas):
        raise FormatError("age header", "a scrypt stanza that is not alone")


def _parse(stanza: Stanza) -> tuple[bytes, int]:
    """Salt and log2 of the work factor; every length is checked before the key is derived."""
    if len(stanza.args) != 3:  # noqa: PLR2004 - the type, the salt and the work factor
        raise FormatError("age header", "scrypt has two arguments")
    salt = age_header.from_raw64(stanza.args[1].encode(), what="age header", size=_SALT)
    if not _FACTOR.fullmatch(stanza.args[2]):
        raise FormatError("age header", "the work factor is not a decimal number")
    if len(stanza.args[2]) > 2 or int(stanza.args[2]) > MAX_WORK_FACTOR:  # noqa: PLR2004 - digits
        raise LimitError("age header", f"a work factor of more than 2^{MAX_WORK_FACTOR}")
    if len(stanza.body) != _BODY:
        raise FormatError("age header", f"scrypt has a body of {_BODY} bytes")
    return salt, int(stanza.args[2])


def _cipher(passphrase: str, salt: bytes, work_factor: int) -> ChaCha20Poly1305:
    scrypt = Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1)
    return ChaCha20Poly1305(scrypt.derive(passphrase.encode()))
