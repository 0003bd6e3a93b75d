# SPDX-License-Identifier: EUPL-1.2
"""``settings.toml``: what the operator decides beyond the command line (receiver-settings.md).

The file may be absent, and so may each section of it. Secrets are never in it: a section names the
file that holds one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout

MAX_SETTINGS: Final = 2**18  # bytes
MAX_SECRET: Final = 4096  # bytes of a file that holds a secret


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class Section(BaseModel):
    """A table of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(Section):
    """Everything that was decided; without a file, the defaults."""


def load(layout: Layout) -> Settings:
    """The settings of DATA.

    Raises:
        ConfigError: what is wrong, with the file and the key.
    """
    path = layout.settings
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SETTINGS + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    if len(data) > MAX_SETTINGS:
        raise ConfigError(f"{path}: more than {MAX_SETTINGS} bytes")
    try:
        return Settings.model_validate(tomllib.loads(data.decode()))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_secret(path: Path) -> str:
    """The one line of a file that only the receiver may read.

    Raises:
        ConfigError: it is not there, is open to others, or holds more than a line.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_mode & 0o077:
                raise ConfigError(f"{path}: others can open it; take their permissions away")
            data = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    try:
        text = data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None
    if not text or len(data) > MAX_SECRET or not text.isprintable():
        raise ConfigError(f"{path}: not one line of 1 to {MAX_SECRET} bytes")
    return text


def _first(error: ValidationError) -> str:
    """The first thing that is wrong: which key, and why; never the value, which may be secret."""
    found = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in found["loc"]) or "the file"
    what = found["msg"].removeprefix("Value error, ")
    return f"{where}: {what[:1].lower()}{what[1:]}"
