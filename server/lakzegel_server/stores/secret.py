# SPDX-License-Identifier: EUPL-1.2
"""The credentials of a store, in the file format of AWS's own tools.

[default]
aws_access_key_id = …
aws_secret_access_key = …
"""

from __future__ import annotations

from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from lakzegel_server.errors import ConfigError

MAX_FILE: Final = 65_536  # bytes
_ID: Final = "aws_access_key_id"
_SECRET: Final = "aws_secret_access_key"  # noqa: S105 - a name
_TOKEN: Final = "aws_session_token"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a store takes requests from."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, data: bytes, place: Path) -> Self:
        """The credentials of the section ``default``.

        Raises:
            ConfigError: they are not there.
        """
        parser = ConfigParser(interpolation=None, default_section="none")
        try:
            parser.read_string(data[:MAX_FILE].decode())
            section = parser["default"]
            return cls(section[_ID], section[_SECRET], section.get(_TOKEN))
        except (UnicodeDecodeError, Error, KeyError):
            raise ConfigError(f"{place}: not a [default] with {_ID} and {_SECRET}") from None

    def arguments(self) -> dict[str, str | None]:
        """As botocore takes them."""
        return {_ID: self.key, _SECRET: self.secret, _TOKEN: self.token}
