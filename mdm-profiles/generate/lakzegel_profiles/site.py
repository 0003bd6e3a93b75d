# SPDX-License-Identifier: EUPL-1.2
"""What one organisation puts into the profiles: values, its team at Apple, its authority.

Without any, a profile has examples that no agent takes (`REPLACE…`), so that one which was
delivered as it is makes an agent say so, and trust nobody.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from lakzegel_agent.settingslayers import flat
from lakzegel_profiles.keys import Key, Kind, ProfileError, Value

TEAM: Final = "TEAMIDHERE"  # stands for the identifier that Apple gave; grants nothing to anybody
HELP: Final = "https://intranet.example/lakzegel"
_TEAM: Final = re.compile(r"[A-Z0-9]{10}")
_TYPES: Final = {Kind.TEXT: str, Kind.NUMBER: int, Kind.FLAG: bool, Kind.LIST: list}
EXAMPLE_AUTHORITY: Final = Path(__file__).with_name("example-authority.pem")


@dataclass(frozen=True, slots=True)
class Site:
    """One organisation's; ``values`` by dotted name, ``authority`` and ``host`` in DER."""

    values: Mapping[str, Value] = field(default_factory=dict)
    team: str = TEAM
    organisation: str = "Example"
    language: str = "nl"
    authority: bytes = b""
    host: bytes = b""
    help: str = HELP

    def value(self, key: Key, platform: str) -> Value | None:
        """What this key is set to; None where it is left out."""
        if key.name in self.values:
            return self.values[key.name]
        return key.shown(platform) if key.required else None


def read_values(path: Path, keys: Sequence[Key]) -> dict[str, Value]:
    """The values of an ``agent.toml``, each of its type.

    Raises:
        ProfileError: it cannot be read, or has what no key is.
    """
    try:
        with path.open("rb") as file:
            found = dict(flat(tomllib.load(file)))
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from None
    known = {key.name: key for key in keys}
    for name, value in found.items():
        _require(path, name, value, known)
    return found


def _require(path: Path, name: str, value: object, known: Mapping[str, Key]) -> None:
    """Return where this is a value of a key."""
    if name not in known:
        raise ProfileError(f"{path}: {name}: no such key; docs/guides/mdm-keys.md has all")
    key = known[name]
    if type(value) is not _TYPES[key.kind]:
        raise ProfileError(f"{path}: {name}: not a {key.kind}")
    if key.choices and value not in key.choices:
        raise ProfileError(f"{path}: {name}: not one of {', '.join(key.choices)}")


def team_of(text: str) -> str:
    """A team's identifier.

    Raises:
        ProfileError: it is none.
    """
    if not _TEAM.fullmatch(text):
        raise ProfileError("team id: not ten capitals and digits, as Apple gives them")
    return text


def authority_of(path: Path) -> bytes:
    """The DER of the one certificate in a PEM file.

    Raises:
        ProfileError: there is none, or several.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        found: Any = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: no certificate in PEM: {error}") from None
    if len(found) != 1:
        raise ProfileError(f"{path}: {len(found)} certificates, where a profile has one")
    der: bytes = found[0].public_bytes(Encoding.DER)
    return der
