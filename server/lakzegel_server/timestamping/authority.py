# SPDX-License-Identifier: EUPL-1.2
"""Whom to ask, and whom to believe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.x509 import Certificate

from lakzegel_server.settings_timestamps import TimestampAuthority
from lakzegel_server.timestamping.exchange import Exchange
from lakzegel_server.timestamping.roots import read_roots


@dataclass(frozen=True, slots=True)
class Authority:
    """One authority of the settings."""

    name: str
    every: float  # seconds
    ask: Callable[[bytes], bytes]  # the answer to a query; raises TimestampError
    roots: tuple[Certificate, ...]

    @classmethod
    def of(cls, decided: TimestampAuthority) -> Authority:
        """The authority that a table of the settings describes.

        Raises:
            ConfigError: a file that it names cannot be used.
        """
        roots = read_roots(decided.roots_file)
        return cls(decided.name, decided.every, Exchange.of(decided).ask, roots)
