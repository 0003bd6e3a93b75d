# SPDX-License-Identifier: EUPL-1.2
"""Where an index is: a file of SQLite, or a database of PostgreSQL (docs/spec/stores.md §1).

    postgresql://lakzegel@db.example/lakzegel?sslmode=verify-full&sslrootcert=/etc/lakzegel/ca.pem

An address may hold a password, and so nothing shows one whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lakzegel_server.errors import ConfigError

SCHEMES: Final = ("postgresql", "postgres")
MAX_ADDRESS: Final = 2048  # characters


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A database of PostgreSQL, as its client library is told of it."""

    url: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that a person gave.

        Raises:
            ConfigError: it is none; the text is not repeated, for it may hold a password.
        """
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ConfigError("database: not an address such as postgresql://…") from None
        if parts.scheme not in SCHEMES or not text.isprintable() or len(text) > MAX_ADDRESS:
            raise ConfigError("database: not an address such as postgresql://user@host/name")
        return cls(text)

    def __str__(self) -> str:
        """Server and database: what may stand in a log."""
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    __repr__ = __str__


Place = Path | Address
