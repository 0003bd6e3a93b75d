# SPDX-License-Identifier: EUPL-1.2
"""``settings.toml``: what the operator decides beyond the command line (receiver-settings.md).

The file may be absent, and so may each section of it. Secrets are never in it: a section names the
file that holds one.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout
from lakzegel_server.settings_alerts import AlertSettings, Mail, Webhooks
from lakzegel_server.settings_fleet import FleetSettings
from lakzegel_server.settings_handover import HandoverSettings
from lakzegel_server.settings_limits import LimitSettings
from lakzegel_server.settings_logkey import LogKey
from lakzegel_server.settings_pages import PagesSettings
from lakzegel_server.settings_peers import Office, Witness, Witnesses
from lakzegel_server.settings_people import Login, Web
from lakzegel_server.settings_section import (
    CREDENTIALS,
    AbsolutePath,
    Section,
    ServerUrl,
)
from lakzegel_server.settings_stores import StoreSettings
from lakzegel_server.settings_timestamps import Timestamps
from lakzegel_server.settings_vitals import Healthz, Metrics
from lakzegel_server.settings_watch import WatchSettings

__all__ = [
    "AbsolutePath",
    "Office",
    "Section",
    "ServerUrl",
    "Witness",
]  # for sections elsewhere

MAX_SETTINGS: Final = 2**18  # bytes
MAX_SECRET: Final = 4096  # bytes of a file that holds a secret


class Settings(Section):
    """Everything that was decided; without a file, the defaults."""

    office: Office | None = None
    fleet: FleetSettings = FleetSettings()
    witness: Witnesses = ()
    web: Web = Web()
    limits: LimitSettings = LimitSettings()
    log_key: LogKey | None = None
    timestamp: Timestamps = ()
    healthz: Healthz = Healthz()
    watch: WatchSettings = WatchSettings()
    metrics: Metrics = Metrics()
    pages: PagesSettings = PagesSettings()
    login: Login | None = None
    mail: Mail | None = None
    webhook: Webhooks = ()
    alerts: AlertSettings = AlertSettings()
    handover: HandoverSettings = HandoverSettings()
    stores: StoreSettings = StoreSettings()


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
        told = {CREDENTIALS: from_manager(CREDENTIALS)}
        return Settings.model_validate(tomllib.loads(data.decode()), context=told)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply") from None


def read_private(path: Path, limit: int) -> bytes:
    """The bytes of a file that only the receiver may read; of a larger one, one more.

    Raises:
        ConfigError: it is not there, or is open to others.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_mode & _others(path):
                raise ConfigError(f"{path}: others can open it; take their permissions away")
            return file.read(limit + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None


def read_secret(path: Path) -> str:
    """The one line of a file that only the receiver may read.

    Raises:
        ConfigError: it is not there, is open to others, or holds more than a line.
    """
    data = read_private(path, MAX_SECRET)
    try:
        text = data.decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8") from None
    if not text or len(data) > MAX_SECRET or not text.isprintable():
        raise ConfigError(f"{path}: not one line of 1 to {MAX_SECRET} bytes")
    return text


def _others(path: Path) -> int:
    """The permissions that nobody else may have.

    A credential can be root's, with an access list that lets the service read it, and its mode
    then shows that as the group's; the folder is the service's alone.
    """
    folder = from_manager(CREDENTIALS)
    return 0o037 if folder and path.parent == Path(folder) else 0o077


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
