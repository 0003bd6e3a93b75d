# SPDX-License-Identifier: EUPL-1.2
"""The textual header of an age v1 file, parsed as strictly as its grammar (C2SP age, "Header").

    age-encryption.org/v1
    -> mlkem768x25519 U7E10Aon27j1oDrH7fP3B++SPROSnDVvQpBemzOM+Zcs…
    c/k+TjhBA6Je1DF8rxZhe2Jm8CN0zbkV9rre6nA8g98
    --- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s

Bodies are wrapped at 64 columns and end with a shorter line, perhaps an empty one. The last line
is HMAC-SHA-256 over everything up to and including its ``---``, under a key from the file key.
"""

from __future__ import annotations

import binascii
import hmac
import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakzegel_core.errors import DecryptError, FormatError, LimitError

VERSION: Final = b"age-encryption.org/v1\n"
COLUMNS: Final = 64  # of a body line
MAX_HEADER: Final = 131_072  # bytes; 32 hybrid recipients have 50 KB
MAX_STANZAS: Final = 64
FILE_KEY: Final = 16  # bytes
_WHAT: Final = "age header"
_STANZA: Final = b"-> "
_MAC: Final = b"---"
_MAC_SIZE: Final = 32
_VISIBLE: Final = re.compile(rb"[!-~]+")  # VCHAR of RFC 5234


@dataclass(frozen=True, slots=True)
class Stanza:
    """One wrapping of the file key: its arguments, the type first, and its body."""

    args: tuple[str, ...]
    body: bytes

    @property
    def type(self) -> str:
        """The first argument."""
        return self.args[0]

    def to_bytes(self) -> bytes:
        """The stanza's lines."""
        text = raw64(self.body)
        lines = [text[start : start + COLUMNS] for start in range(0, len(text) + 1, COLUMNS)]
        return (
            f"-> {' '.join(self.args)}\n".encode() + "".join(f"{line}\n" for line in lines).encode()
        )


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header; ``size`` bytes of the file, of which the first ``signed`` are under MAC."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    signed: bytes
    size: int


def build(stanzas: tuple[Stanza, ...], file_key: bytes) -> bytes:
    """The header that wraps ``file_key`` in ``stanzas``."""
    signed = VERSION + b"".join(stanza.to_bytes() for stanza in stanzas) + _MAC
    return signed + b" " + raw64(header_mac(file_key, signed)).encode() + b"\n"


def parse(data: bytes) -> Header:
    """The header at the start of an age file.

    Raises:
        FormatError: anything that the grammar does not produce.
        LimitError: longer than any header of ours.
    """
    if not data.startswith(VERSION):
        raise FormatError(_WHAT, "not an age v1 file")
    lines = _Lines(data, len(VERSION))
    stanzas: list[Stanza] = []
    line = lines.next()
    while line.startswith(_STANZA):
        if len(stanzas) == MAX_STANZAS:
            raise LimitError(_WHAT, f"more than {MAX_STANZAS} stanzas")
        stanzas.append(Stanza(_arguments(line), _body(lines)))
        line = lines.next()
    if not stanzas:
        raise FormatError(_WHAT, "no stanza")
    if not line.startswith(_MAC + b" "):
        raise FormatError(_WHAT, "a line that is neither a stanza nor the MAC")
    mac = from_raw64(line[len(_MAC) + 1 :], what=_WHAT, size=_MAC_SIZE)
    signed = data[: lines.position - len(line) - 1] + _MAC
    return Header(tuple(stanzas), mac, signed, lines.position)


def check_mac(header: Header, file_key: bytes) -> None:
    """Refuse a header that was changed after it was written.

    Raises:
        DecryptError: the MAC does not hold.
    """
    if not hmac.compare_digest(header_mac(file_key, header.signed), header.mac):
        raise DecryptError("age header: its MAC does not hold")


def header_mac(file_key: bytes, signed: bytes) -> bytes:
    """The MAC over a header's bytes up to and including ``---``."""
    return hmac.digest(hkdf(file_key, b"", b"header"), signed, "sha256")


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256, 32 bytes."""
    return HKDF(SHA256(), 32, salt, info).derive(key)


def raw64(data: bytes) -> str:
    """Base64 without padding."""
    return binascii.b2a_base64(data, newline=False).decode("ascii").rstrip("=")


def from_raw64(text: bytes, *, what: str, size: int | None = None) -> bytes:
    """The bytes of canonical base64 without padding; exactly ``size`` of them when given.

    Raises:
        FormatError: anything else.
    """
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        raise FormatError(what, "not base64") from None
    if raw64(data).encode() != text:
        raise FormatError(what, "not the canonical base64")
    if size is not None and len(data) != size:
        raise FormatError(what, f"{len(data)} bytes where {size} belong")
    return data


class _Lines:
    """Lines of the header, each ended by a line feed, within the header's limit."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self.position = position

    def next(self) -> bytes:
        end = self._data.find(b"\n", self.position, MAX_HEADER)
        if end < 0:
            if len(self._data) >= MAX_HEADER:
                raise LimitError(_WHAT, f"more than {MAX_HEADER} bytes")
            raise FormatError(_WHAT, "ends too early")
        line = self._data[self.position : end]
        self.position = end + 1
        return line


def _arguments(line: bytes) -> tuple[str, ...]:
    args = line[len(_STANZA) :].split(b" ")
    if not all(map(_VISIBLE.fullmatch, args)):
        raise FormatError(_WHAT, "a stanza's arguments are not visible characters")
    return tuple(arg.decode("ascii") for arg in args)


def _body(lines: _Lines) -> bytes:
    pieces = []
    while True:
        line = lines.next()
        if len(line) > COLUMNS:
            raise FormatError(_WHAT, f"a body line of more than {COLUMNS} columns")
        pieces.append(line)
        if len(line) < COLUMNS:
            return from_raw64(b"".join(pieces), what=_WHAT)
