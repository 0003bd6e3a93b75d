# SPDX-License-Identifier: EUPL-1.2
"""``settings.toml``: what the operator decides beyond the command line (receiver-settings.md).

The file may be absent, and so may each section of it. Secrets are never in it: a section names the
file that holds one.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationError

from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, VerifierKey
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.settings_fleet import FleetSettings
from lakzegel_server.settings_section import Section

MAX_SETTINGS: Final = 2**18  # bytes
MAX_SECRET: Final = 4096  # bytes of a file that holds a secret


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


def _url(url: str) -> str:
    """The address of another server, without a slash at its end."""
    parts = urlsplit(url)
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("not the address of a server")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("not https (plain http is for loopback addresses only)")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether only this machine can be meant."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cosigner(text: str) -> str:
    """A verifier key line of a witness."""
    try:
        key = VerifierKey.from_text(text)
    except LakzegelError:
        raise ValueError("not a verifier key") from None
    if key.algorithm is Algorithm.ED25519:
        raise ValueError("not the key of a witness (type 0x04 or 0x06)")
    return text


def _distinct(witnesses: tuple[Witness, ...]) -> tuple[Witness, ...]:
    if len({witness.key for witness in witnesses}) != len(witnesses):
        raise ValueError("one key is named twice")
    return witnesses


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
ServerUrl = Annotated[str, AfterValidator(_url)]
CosignerKey = Annotated[str, AfterValidator(_cosigner)]


class Office(Section):
    """The records office's own server, and the account of this receiver there."""

    url: ServerUrl
    token_file: AbsolutePath
    ca_file: AbsolutePath | None = None


class Witness(Section):
    """A C2SP tlog-witness that is asked to cosign, and its key."""

    url: ServerUrl
    key: CosignerKey
    ca_file: AbsolutePath | None = None


class Settings(Section):
    """Everything that was decided; without a file, the defaults."""

    office: Office | None = None
    fleet: FleetSettings = FleetSettings()
    witness: Annotated[tuple[Witness, ...], AfterValidator(_distinct)] = ()


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


def from_manager(name: str) -> str:
    """What the service manager says under this name; empty when it says nothing."""
    return os.environ.get(name, "")


def runtime_folder() -> Path | None:
    """The folder that lasts as long as this machine runs, where the service manager made one."""
    value = from_manager("RUNTIME_DIRECTORY").partition(":")[0]
    return Path(value) if value.startswith("/") else None


def _first(error: ValidationError) -> str:
    """The first thing that is wrong: which key, and why; never the value, which may be secret."""
    found = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in found["loc"]) or "the file"
    what = found["msg"].removeprefix("Value error, ")
    return f"{where}: {what[:1].lower()}{what[1:]}"
