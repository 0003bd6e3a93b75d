# SPDX-License-Identifier: EUPL-1.2
"""Strict reading of TOML tables: every key is asked for, or refused by its name."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import FormatError, LimitError, PolicyError

T = TypeVar("T")


def load_toml(text: str, *, what: str, max_size: int) -> Table:
    """The top table of a TOML document.

    Raises:
        LimitError: larger than ``max_size`` bytes.
        PolicyError: not TOML; the message has the line.
    """
    if len(text.encode()) > max_size:
        raise LimitError(what, f"more than {max_size} bytes")
    try:
        return Table(tomllib.loads(text), what)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no TOMLDecodeError
        raise PolicyError(f"{what}: {error}") from None


class Table:
    """One table; ``done`` refuses what nobody asked for."""

    def __init__(self, values: dict[str, Any], what: str) -> None:
        self._values = dict(values)
        self._what = what

    def name(self, key: str) -> str:
        """How errors name a key of this table."""
        return f"{self._what}: {key}"

    def keys(self) -> tuple[str, ...]:
        """The keys that were not taken yet."""
        return tuple(self._values)

    def has(self, key: str) -> bool:
        """Whether the key is there and was not taken yet."""
        return key in self._values

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """The value of a key, of exactly this type.

        Raises:
            PolicyError: missing without default, or of another type.
        """
        value = self._values.pop(key, default)
        if value is None:
            raise PolicyError(f"{self.name(key)} is missing")
        if type(value) is not kind:
            raise PolicyError(f"{self.name(key)} is not of type {kind.__name__}")
        return value

    def parsed(self, key: str, parse: Callable[..., T], default: str | None = None) -> T:
        """A string value, through a parser that takes ``what``."""
        text = self.take(key, str, default)
        try:
            return parse(text, what=self.name(key))
        except FormatError as error:
            raise PolicyError(f"{self.name(key)}: {error.why}") from None

    def time(self, key: str) -> Any:  # noqa: ANN401 - tomllib's own dates end here
        """A moment: RFC 3339 in quotes, or a TOML date without them."""
        value = self._values.pop(key, None)
        if value is None:
            raise PolicyError(f"{self.name(key)} is missing")
        if type(value) is date:
            value = f"{value.isoformat()}T00:00:00Z"
        if hasattr(value, "isoformat"):
            value = value.isoformat().replace("+00:00", "Z")
        if not isinstance(value, str):
            raise PolicyError(f"{self.name(key)} is not a time")
        try:
            return parse_time(value, what=self.name(key))
        except FormatError as error:
            raise PolicyError(str(error)) from None

    def strings(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings; empty when the key is absent and not required."""
        values = self.take(key, list, None if required else [])
        if not all(isinstance(value, str) for value in values):
            raise PolicyError(f"{self.name(key)} is not a list of strings")
        return tuple(values)

    def table(self, key: str) -> Table:
        """A sub-table; empty when absent."""
        return Table(self.take(key, dict, {}), self.name(key))

    def tables(self, key: str) -> tuple[Table, ...]:
        """An array of tables; empty when absent."""
        values = self.take(key, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise PolicyError(f"{self.name(key)} is not an array of tables")
        return tuple(Table(v, f"{self.name(key)} {i + 1}") for i, v in enumerate(values))

    def done(self) -> None:
        """Return when every key was asked for.

        Raises:
            PolicyError: names the first that nobody knows.
        """
        if self._values:
            raise PolicyError(f"{self.name(next(iter(self._values)))} is not known here")
