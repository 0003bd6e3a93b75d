# SPDX-License-Identifier: EUPL-1.2
"""The witnesses that settings.toml names, as far as asking them goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lakzegel_core.keys import VerifierKey
from lakzegel_server.settings import Settings


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness answers, and the key that it cosigns with."""

    url: str
    key: VerifierKey
    ca_file: Path | None


def witnesses_of(settings: Settings) -> tuple[Witness, ...]:
    """Every witness that may be asked."""
    return tuple(
        Witness(named.url, VerifierKey.from_text(named.key), named.ca_file)
        for named in settings.witness
    )
