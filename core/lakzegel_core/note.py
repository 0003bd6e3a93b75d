# SPDX-License-Identifier: EUPL-1.2
"""C2SP signed notes, strict.

    lakzegel.nl/held/v1
    log log.example/lakzegel
    ...

    — records.example/held fC3dVg1q...

docs/spec/notes.md §1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import (
    FormatError,
    LimitError,
    MissingSignatureError,
    UnknownKeyError,
)
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey, check_name
from lakzegel_core.limits import MAX_NOTE, MAX_SIGNATURES

DASH: Final = "— "
_KEY_ID: Final = 4
_CONTROL: Final = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: key name, 4-byte key id, the bytes that follow it."""

    name: str
    key_id: bytes
    raw: bytes

    def to_line(self) -> str:
        """``— name base64(key id || raw)`` with its newline."""
        return f"{DASH}{self.name} {b64(self.key_id + self.raw)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; nothing in it is trusted before a signature was verified."""

    text: bytes
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The note as signed: text, blank line, signature lines."""
        return self.text + b"\n" + "".join(s.to_line() for s in self.signatures).encode()


def parse(data: bytes, *, max_size: int = MAX_NOTE) -> Note:
    """The text and signature lines of a note, unverified.

    Raises:
        LimitError: more than ``max_size`` bytes or 16 signatures.
        FormatError: not the one encoding of a signed note.
    """
    if len(data) > max_size:
        raise LimitError("note", f"{len(data)} bytes, at most {max_size}")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("note", "not UTF-8") from None
    check_text(data)
    head, blank, tail = whole.rpartition("\n\n")
    if not blank or not head or not tail.endswith("\n"):
        raise FormatError("note", "no text, blank line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise LimitError("note", f"{len(lines)} signatures, at most {MAX_SIGNATURES}")
    note = Note((head + "\n").encode(), tuple(_parse_line(line) for line in lines))
    if note.to_bytes() != data:
        raise FormatError("note", "not the canonical encoding")
    return note


def check_text(data: bytes) -> None:
    """Return when the bytes hold no control character but newline.

    Raises:
        FormatError: one is there.
    """
    if _CONTROL.search(data):
        raise FormatError("note", "holds a control character")


def sign(text: bytes, keys: Sequence[SigningKey]) -> bytes:
    """The note of ``text``, signed by each Ed25519 key in turn."""
    signatures = tuple(
        Signature(key.verifier.name, key.verifier.key_id, key.sign(text)) for key in keys
    )
    data = Note(text, signatures).to_bytes()
    parse(data)
    return data


def open_exact(data: bytes, keys: Sequence[VerifierKey], *, max_size: int = MAX_NOTE) -> Note:
    """The note, when exactly these keys signed it, in this order.

    Raises:
        FormatError, MissingSignatureError, UnknownKeyError, SignatureError.
    """
    note = parse(data, max_size=max_size)
    require_exact(note, keys)
    return note


def require_exact(note: Note, keys: Sequence[VerifierKey]) -> None:
    """Return when exactly these keys signed a note that was parsed, in this order.

    Raises:
        MissingSignatureError, UnknownKeyError, SignatureError.
    """
    if len(note.signatures) < len(keys):
        raise MissingSignatureError(f"{len(note.signatures)} of {len(keys)} signatures are there")
    if len(note.signatures) > len(keys):
        raise UnknownKeyError(f"{len(note.signatures)} signatures where {len(keys)} belong")
    for signature, key in zip(note.signatures, keys, strict=True):
        if not _is_by(signature, key):
            raise UnknownKeyError(f"signed by {signature.name} where {key.name} should have")
        _verify(signature, key, note.text)


def open_threshold(
    data: bytes, keys: Sequence[VerifierKey], threshold: int, *, max_size: int = MAX_NOTE
) -> Note:
    """The note, when exactly ``threshold`` distinct keys of these signed it, in their order.

    Raises:
        FormatError, MissingSignatureError, UnknownKeyError, SignatureError.
    """
    note = parse(data, max_size=max_size)
    if len(note.signatures) < threshold:
        raise MissingSignatureError(f"{len(note.signatures)} of {threshold} signatures are there")
    chosen = []
    rest = list(keys)
    for signature in note.signatures:
        while rest and not _is_by(signature, rest[0]):
            rest.pop(0)
        if not rest:
            raise UnknownKeyError(f"{signature.name}: may not sign here, or is out of order")
        key = rest.pop(0)
        chosen.append(key)
        rest = [other for other in rest if other.public != key.public]  # nobody counts twice
    return open_exact(data, chosen[:threshold], max_size=max_size)


def open_known(
    data: bytes, keys: Sequence[VerifierKey], *, max_size: int = MAX_NOTE
) -> tuple[Note, tuple[VerifierKey, ...]]:
    """The note and the known keys that signed it; lines of unknown keys are passed over.

    Raises:
        FormatError: one key signed twice.
        MissingSignatureError: no known key signed.
        SignatureError: a known key's signature does not hold.
    """
    note = parse(data, max_size=max_size)
    if len({(s.name, s.key_id) for s in note.signatures}) != len(note.signatures):
        raise FormatError("note", "one key signed twice")
    found = []
    for signature in note.signatures:
        for key in keys:
            if _is_by(signature, key):
                _verify(signature, key, note.text)
                found.append(key)
    if not found:
        raise MissingSignatureError("no known key signed this note")
    return note, tuple(found)


def _is_by(signature: Signature, key: VerifierKey) -> bool:
    return signature.name == key.name and signature.key_id == key.key_id


def _verify(signature: Signature, key: VerifierKey, text: bytes) -> None:
    if key.algorithm is not Algorithm.ED25519:
        raise UnknownKeyError(f"{key.name}: a cosigner's key signs checkpoints only")
    key.verify(signature.raw, text)


def _parse_line(line: str) -> Signature:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not space:
        raise FormatError("note", "a signature line is not '— name base64'")
    check_name(name)
    material = unb64(encoded, what="signature line")
    if len(material) <= _KEY_ID:
        raise FormatError("signature line", "too short")
    return Signature(name, material[:_KEY_ID], material[_KEY_ID:])
