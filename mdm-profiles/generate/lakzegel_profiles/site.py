# SPDX-License-Identifier: EUPL-1.2
"""What one organisation puts into the profiles: values, its team at Apple, its authority.

Without any, a profile has examples that no agent takes (`REPLACE…`), so that one which was
delivered as it is makes an agent say so, and trust nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from lakzegel_profiles.keys import Key, ProfileError, Value

TEAM: Final = "TEAMIDHERE"  # stands for the identifier that Apple gave; grants nothing to anybody
HELP: Final = "https://intranet.example/lakzegel"
_TEAM: Final = re.compile(r"[A-Z0-9]{10}")
_FILLS_IN: Final = {  # $SERIALNUMBER is Jamf Pro's, {{serialnumber}} Intune's; on Linux nobody does
    "macos": re.compile(r"\$[A-Z_]+|\{\{[a-zA-Z_]+\}\}"),
    "windows": re.compile(r"\{\{[a-zA-Z_]+\}\}"),
    "linux": re.compile(r"(?!)"),
}
_DRIVE: Final = re.compile(r"[A-Za-z]:\\|HKLM\\")
EXAMPLE_AUTHORITY: Final = Path(__file__).with_name("example-authority.pem")


@dataclass(frozen=True, slots=True)
class Site:
    """One organisation's; ``values`` by dotted name, ``apart`` those of one platform alone.

    ``authority`` and ``host`` are certificates in DER.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    apart: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    team: str = TEAM
    organisation: str = "Example"
    language: str = "nl"
    authority: bytes = b""
    host: bytes = b""
    help: str = HELP
    own: bool = False  # has values: then no example stands for what was not said

    @property
    def missing(self) -> dict[str, str]:
        """What is left out, with what would have it made: an example would do harm."""
        asked = {
            "macos/": "" if self.team == TEAM else self.team,
            "macos/one-by-one/authority.mobileconfig": self.authority,
            "phones/enrolment-profile.json": self.host,
        }
        options = dict(zip(asked, ("--team-id", "--authority", "--host-certificate"), strict=True))
        return {name: options[name] for name, said in asked.items() if self.own and not said}

    def value(self, key: Key, platform: str) -> Value | None:
        """What this key is set to; None where it is left out."""
        own = self.apart.get(platform, {})
        if key.name in own:
            return own[key.name]
        value = self.values.get(key.name)
        if value is None or (key.differs and _elsewhere(value, platform)):
            return key.shown(platform) if key.required else None
        return (
            None if is_filled_in(value) and not _FILLS_IN[platform].fullmatch(str(value)) else value
        )


def is_filled_in(value: Value) -> bool:
    """Whether it is what an MDM puts a device's own value in the place of."""
    return any(isinstance(value, str) and one.fullmatch(value) for one in _FILLS_IN.values())


def _elsewhere(value: Value, platform: str) -> bool:
    """Whether a path is one of another platform's."""
    drive = isinstance(value, str) and _DRIVE.match(value) is not None
    return drive != (platform == "windows")


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
        why = error.strerror if isinstance(error, OSError) else "not in PEM"
        raise ProfileError(f"{path}: no certificate: {why}") from None
    if len(found) != 1:
        raise ProfileError(f"{path}: {len(found)} certificates, where a profile has one")
    der: bytes = found[0].public_bytes(Encoding.DER)
    return der
