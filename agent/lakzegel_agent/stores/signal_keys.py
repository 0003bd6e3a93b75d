# SPDX-License-Identifier: EUPL-1.2
"""The key of Signal Desktop's database, from its ``config.json`` and the user's own secrets.

{"key": "<64 hex>"}                                                      older, in the clear
{"encryptedKey": "<hex>", "safeStorageBackend": "gnome_libsecret"}       wrapped

What is wrapped begins with ``v10`` or ``v11``, as Chromium's os_crypt writes it; how it is wrapped
is the system's: docs/spec/conversations-signal-desktop.md §2.
"""

import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from hashlib import pbkdf2_hmac
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from lakzegel_agent.errors import StoreError

MAX_CONFIG: Final = 2**20  # bytes of config.json; it has some hundred
MAX_STATE: Final = 4 * 2**20  # bytes of Local State
_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
_WRAPPED: Final = re.compile(r"(?:[0-9a-fA-F]{2}){3,512}")
_SALT: Final = b"saltysalt"  # Chromium's, for everybody
_IV: Final = b" " * 16
_BLOCK: Final = 16  # bytes
_LINUX_ROUNDS: Final = 1
_MAC_ROUNDS: Final = 1003
_FIXED: Final = b"peanuts"  # where Linux keeps no secrets: a password that everybody knows
_NONCE: Final = 12  # bytes
_DPAPI: Final = b"DPAPI"


class Secrets(Protocol):
    """What the system keeps for one user, and tells to that user's programs only."""

    def password(self, backend: str) -> bytes | None:
        """Return Signal's password from the user's keyring, or None where there is none."""
        ...

    def unprotect(self, blob: bytes) -> bytes | None:
        """Return what Windows protected for this user, or None where it does not tell."""
        ...


def database_key(config: bytes, state: Callable[[], bytes], secrets: Secrets, system: str) -> str:
    """Return the raw key of the database: 64 hexadecimal digits.

    ``state`` gives ``Local State``, which is asked on Windows alone; ``system`` is `sys.platform`.

    Raises:
        StoreError: ``no-key``.
    """
    told = _object(config, MAX_CONFIG)
    plain = told.get("key")
    if isinstance(plain, str):
        return _checked(plain)
    wrapped, backend = told.get("encryptedKey"), told.get("safeStorageBackend")
    if not isinstance(wrapped, str) or not _WRAPPED.fullmatch(wrapped):
        raise StoreError("no-key")
    blob = bytes.fromhex(wrapped)
    if system == "win32":
        found = _windows(blob, state(), secrets)
    elif system == "darwin":
        found = _by_password(blob, b"v10", secrets.password("keychain"), _MAC_ROUNDS)
    else:
        found = _linux(blob, backend if isinstance(backend, str) else "", secrets)
    return _checked(found.decode("ascii", "replace"))


def _linux(blob: bytes, backend: str, secrets: Secrets) -> bytes:
    if blob.startswith(b"v10"):
        return _by_password(blob, b"v10", _FIXED, _LINUX_ROUNDS)
    return _by_password(blob, b"v11", secrets.password(backend), _LINUX_ROUNDS)


def _by_password(blob: bytes, prefix: bytes, password: bytes | None, rounds: int) -> bytes:
    data = blob.removeprefix(prefix)
    if password is None or data is blob or not data or len(data) % _BLOCK:
        raise StoreError("no-key")
    key = pbkdf2_hmac("sha1", password, _SALT, rounds, _BLOCK)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(_IV)).decryptor()
    unpadder = PKCS7(_BLOCK * 8).unpadder()
    try:
        return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise StoreError("no-key") from None


def _windows(blob: bytes, state: bytes, secrets: Secrets) -> bytes:
    crypt = _object(state, MAX_STATE).get("os_crypt")
    wrapped = crypt.get("encrypted_key") if isinstance(crypt, dict) else None
    try:
        protected = b64decode(wrapped if isinstance(wrapped, str) else "", validate=True)
        if not protected.startswith(_DPAPI) or not blob.startswith(b"v10"):
            raise StoreError("no-key")
        key = secrets.unprotect(protected.removeprefix(_DPAPI))
        if key is None:
            raise StoreError("no-key")
        nonce, sealed = blob[3 : 3 + _NONCE], blob[3 + _NONCE :]
        return AESGCM(key).decrypt(nonce, sealed, None)
    except (NotBase64, ValueError, InvalidTag):
        raise StoreError("no-key") from None


def _object(data: bytes, most: int) -> Mapping[str, object]:
    """Return an object of JSON, which nobody signed."""
    try:
        found = json.loads(data) if len(data) <= most else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise StoreError("no-key")
    return found


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise StoreError("no-key")
    return key
