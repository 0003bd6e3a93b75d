# SPDX-License-Identifier: EUPL-1.2
"""One secret from which each machine of a roster has a token and a name of its own.

    PRIVATE+ROSTER+log.example/lakzegel/roster/0badcafe+1f2e3d4c+<base64 of 32 bytes>

Office and device derive the same from it and the machine's serial number.
docs/spec/admission.md §6
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import SEED_SIZE, Algorithm, SigningKey, check_name

PREFIX: Final = "PRIVATE+ROSTER+"
_INFO: Final = b"lakzegel.nl/roster/v1\n"
_NAME_INFO: Final = b"lakzegel.nl/device-name/v1\n"
_PLACE: Final = "/roster/"
_ID: Final = 4  # bytes, of a roster's name, of its check, and of a token's name
_NAME: Final = 8  # bytes of a device's name: among 10,000 machines two are alike once in 10^11
_SERIAL: Final = re.compile(r"[!-~](?:[!-~]| (?! )){2,62}[!-~]")
NO_SERIALS: Final = frozenset(  # what makers write into a machine that they gave none
    {"NONE", "UNKNOWN", "DEFAULT STRING", "NOT SPECIFIED", "NOT APPLICABLE", "NOT AVAILABLE"}
    | {"INVALID", "SERIAL NUMBER", "SYSTEM SERIAL NUMBER", "CHASSIS SERIAL NUMBER", "OEM", "O.E.M."}
    | {"TO BE FILLED BY O.E.M.", "TO BE FILLED BY OEM", "SYSTEM MANUFACTURER", "NO SERIAL NUMBER"}
    | {"0123456789", "123456789", "1234567890", "1234567"}
)


@dataclass(frozen=True, slots=True)
class Derived:
    """What is one machine's: its token, and the name that it has in the log."""

    token: SigningKey
    device: str


@dataclass(frozen=True, slots=True)
class RosterKey:
    """The secret of a roster; its text is for the profile, and for nobody else."""

    name: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        origin, place, number = self.name.rpartition(_PLACE)
        if not origin or not place or re.fullmatch(r"[0-9a-f]{8}", number) is None:
            raise FormatError("roster key", f"its name is not <origin>{_PLACE}<8 hexadecimal>")
        if len(self.secret) != SEED_SIZE:
            raise FormatError("roster key", "its secret is not of 32 bytes")

    @classmethod
    def make(cls, origin: str, *, random: bytes) -> Self:
        """A roster's key of a log, of 36 random bytes."""
        return cls(f"{origin}{_PLACE}{random[:_ID].hex()}", random[_ID:])

    @property
    def origin(self) -> str:
        """The log that it is for."""
        return self.name.rpartition(_PLACE)[0]

    @property
    def number(self) -> str:
        """What tells it from other rosters of this log; no secret."""
        return self.name.rpartition("/")[2]

    def to_text(self) -> str:
        """Its one line."""
        return f"{PREFIX}{self.name}+{_check(self.name, self.secret)}+{b64(self.secret)}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The roster key of a line.

        Raises:
            FormatError: it is none; the text is not in the message.
        """
        name, _, rest = text.removeprefix(PREFIX).partition("+")
        check, _, material = rest.partition("+")
        if not text.startswith(PREFIX):
            raise FormatError("roster key", f"does not begin with {PREFIX}")
        found = cls(name, unb64(material, what="roster key", size=SEED_SIZE))
        if check != _check(name, found.secret):
            raise FormatError("roster key", "its id is another: a character was changed")
        return found

    def derive(self, serial: str) -> Derived:
        """The token and the name of the machine with this serial number.

        Raises:
            FormatError: that is no serial number.
        """
        size = SEED_SIZE + _ID + _NAME
        info = _INFO + normal_serial(serial).encode("ascii")
        made = HKDF(SHA256(), size, salt=self.name.encode(), info=info).derive(self.secret)
        seed, number, name = made[:SEED_SIZE], made[SEED_SIZE:-_NAME], made[-_NAME:]
        key = SigningKey.from_seed(f"{self.origin}/token/{number.hex()}", Algorithm.ED25519, seed)
        return Derived(key, f"d-{name.hex()}")


def name_by_token(token: SigningKey, serial: str) -> str:
    """The name of the machine with this serial number, among those that share a token.

    Raises:
        FormatError: that is no serial number.
    """
    info = _NAME_INFO + normal_serial(serial).encode("ascii")
    salt = token.verifier.name.encode()
    return f"d-{HKDF(SHA256(), _NAME, salt=salt, info=info).derive(token.seed).hex()}"


def normal_serial(text: str) -> str:
    """A machine's serial number in its one spelling.

    Raises:
        FormatError: it is none, or what a maker wrote where there is none.
    """
    found = text.strip(" \t\r\n\0")
    found = found.upper() if found.isascii() else found
    if _SERIAL.fullmatch(found) is None:
        raise FormatError("serial number", "not 4 to 64 printable characters of ASCII")
    if found in NO_SERIALS or len(set(found) - set(" .-")) <= 1:
        raise FormatError("serial number", "what makers write where there is none")
    return found


def _check(name: str, secret: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\n" + secret).digest()[:_ID].hex()
