# SPDX-License-Identifier: EUPL-1.2
"""`server.toml`, the log's signing keys and the verifier keys that were handed out."""

from __future__ import annotations

from typing import Final

from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.logsigner import ED25519, MLDSA, PKCS11, config_text

_MAX: Final = 8_192  # bytes of any of these files
_KINDS: Final = (
    (f"keys/{ED25519}", Algorithm.ED25519),
    (f"keys/{MLDSA}", Algorithm.MLDSA44_COSIGNATURE),
)


def check_keys(found: Survey) -> LogKeys | None:
    """The log's verifier keys, as the signing keys have them, else as they were handed out."""
    handed = _handed_out(found)
    if f"keys/{PKCS11}" in found.files:
        signing = [_token_key(found), _signing_key(found, *_KINDS[1])]
    else:
        signing = [_signing_key(found, *kind) for kind in _KINDS]
    own = [key for key in signing if key is not None]
    keys = _log_keys(own) if len(own) == len(signing) else handed
    if keys is None:
        found.doubt("keys", "no pair of log keys can be had; nothing else can be checked")
        return None
    _compare(found, "keys", keys, handed)
    texts = [keys.ed25519.to_text(), keys.mldsa.to_text()]
    _expect(found, "log.vkey", f"{texts[0]}\n")
    _expect(found, "log.keys", f"{texts[0]}\n{texts[1]}\n")
    _expect(found, "server.toml", config_text(keys.origin))
    return keys


def _compare(found: Survey, place: str, keys: LogKeys, handed: LogKeys | None) -> None:
    if handed is not None and handed != keys:
        found.doubt(place, "the signing keys are not those whose verifier keys are in log.keys")


def _signing_key(found: Survey, place: str, kind: Algorithm) -> VerifierKey | None:
    data = found.read(place, _MAX)
    if data is None:
        return None
    try:
        key = SigningKey.from_text(data.decode().removesuffix("\n"))
        if f"{key.to_text()}\n".encode() == data and key.verifier.algorithm is kind:
            return key.verifier
    except (UnicodeDecodeError, LakzegelError):
        pass
    found.doubt(place, f"is no signing key of type {kind:#04x}")
    return None


def _token_key(found: Survey) -> VerifierKey | None:
    """The verifier key of a signing key that is in a token, where nothing here looks for it."""
    place = f"keys/{PKCS11}"
    data = found.read(place, _MAX)
    if data is None:
        return None
    try:
        key = VerifierKey.from_text(data.decode().removesuffix("\n"))
        if f"{key.to_text()}\n".encode() == data and key.algorithm is Algorithm.ED25519:
            return key
    except (UnicodeDecodeError, LakzegelError):
        pass
    found.doubt(place, "is no verifier key of type 0x01")
    return None


def _handed_out(found: Survey) -> LogKeys | None:
    data = found.read("log.keys", _MAX)
    if data is None:
        return None
    try:
        return LogKeys.from_texts(data.decode().splitlines())
    except (UnicodeDecodeError, LakzegelError):
        return None


def _log_keys(keys: list[VerifierKey]) -> LogKeys | None:
    try:
        return LogKeys(*keys)
    except LakzegelError:
        return None


def _expect(found: Survey, place: str, text: str) -> None:
    data = found.read(place, _MAX)
    if data is not None and data != text.encode():
        found.doubt(place, "is not what belongs to the log's keys")
