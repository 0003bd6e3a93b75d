# SPDX-License-Identifier: EUPL-1.2
"""What a device must know before it has a policy; the only reader of the environment.

    server = "https://receiver.example"
    home = "/var/lib/lakzegel"
    log_keys = ["log.example/lakzegel+...", "log.example/lakzegel+..."]
    policy_keys = ["records.example+...", "privacy.example+..."]
    threshold = 2                  # policy keys that must sign; default: all of them
    ca_file = "/etc/ssl/own.pem"   # default: the system's authorities
    workers = 2                    # processes that read and seal; default: at most two
    user_home = "/home/minister"   # what "~" means in a policy; default: the home of who runs this

The file comes from MDM. The environment (``LAKZEGEL_AGENT_SERVER`` …) may change where things are,
never whom the device trusts: the keys and the threshold come from the file alone.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from lakzegel_agent.errors import UsageError
from lakzegel_agent.trust import Pins
from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, VerifierKey

PREFIX: Final = "LAKZEGEL_AGENT_"
MAX_CONFIG: Final = 65_536  # bytes of agent.toml
MAX_WORKERS: Final = 8
DEFAULT_WORKERS: Final = 2
PINNED: Final = frozenset({"log_keys", "policy_keys", "threshold"})
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NEXT: Final = "mend it, or have MDM deliver it again"


class _Environment(EnvSettingsSource):
    """The environment, without what only the file may say."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name not in PINNED}


class Settings(BaseSettings):
    """The keys of ``agent.toml`` and their types."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    server: str
    home: Path
    log_keys: tuple[str, ...]
    policy_keys: tuple[str, ...] = Field(min_length=1)
    threshold: int | None = Field(default=None, ge=1)
    ca_file: Path | None = None
    workers: int = Field(default=DEFAULT_WORKERS, ge=1, le=MAX_WORKERS)
    user_home: Path | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the file's values; nothing else."""
        del env_settings, dotenv_settings, file_secret_settings
        return (_Environment(settings_cls), init_settings)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, checked and made into what they mean; ``origins`` says where each came from."""

    path: Path
    server: str
    home: Path
    pins: Pins
    ca_file: Path | None
    workers: int
    user_home: Path
    origins: Mapping[str, str]


def load_config(path: Path) -> Config:
    """The configuration of a file and the environment.

    Raises:
        UsageError: names the file, the key and what is wrong with it.
    """
    values = _read(path)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_fault(error)}; {_NEXT}") from None
    try:
        pins = _pins(settings)
    except LakzegelError as error:
        raise UsageError(f"{path}: {error}; {_NEXT}") from None
    base = path.absolute().parent
    ca_file = None if settings.ca_file is None else base / settings.ca_file
    if ca_file is not None and not os.access(ca_file, os.R_OK):
        raise UsageError(f"{path}: ca_file {ca_file}: not there, or not readable; {_NEXT}")
    return Config(
        path=path,
        server=_server(path, settings.server),
        home=base / settings.home,
        pins=pins,
        ca_file=ca_file,
        workers=min(settings.workers, os.cpu_count() or 1),
        user_home=settings.user_home or Path.home(),
        origins={name: _origin(name, values) for name in Settings.model_fields},
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the configuration: {error.strerror}") from None
    if len(data) > MAX_CONFIG:
        raise UsageError(f"{path}: more than {MAX_CONFIG} bytes; that is no agent.toml")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in fault["loc"]) or "?"
    if fault["type"] == "extra_forbidden":
        return f"key '{key}' is not known"
    if fault["type"] == "missing":
        return f"key '{key}' is missing"
    return f"key '{key}': {fault['msg']}"


def _pins(settings: Settings) -> Pins:
    policy = tuple(VerifierKey.from_text(text) for text in settings.policy_keys)
    if any(key.algorithm is not Algorithm.ED25519 for key in policy):
        raise UsageError("policy_keys: not every key is an Ed25519 key (type 0x01)")
    threshold = settings.threshold or len(policy)
    if threshold > len(policy):
        raise UsageError(f"threshold: {threshold} of {len(policy)} policy keys cannot sign")
    return Pins(LogKeys.from_texts(settings.log_keys), policy, threshold)


def _server(path: Path, server: str) -> str:
    """The address without a last slash; plain HTTP stays on this machine."""
    parts = urlsplit(server)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or plain):
        raise UsageError(f"{path}: server must be https://… (or http:// on this machine); {_NEXT}")
    if parts.username or parts.query or parts.fragment:
        raise UsageError(f"{path}: server: only scheme, host, port and path; {_NEXT}")
    return server.rstrip("/")


def _origin(name: str, values: Mapping[str, Any]) -> str:
    if name not in PINNED and any(
        variable.upper() == (PREFIX + name).upper() for variable in os.environ
    ):
        return "environment"
    return "file" if name in values else "default"


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """What a service manager left in the environment; ``watchdog`` in seconds."""

    notify: str
    watchdog: float | None


def service_manager() -> ServiceManager | None:
    """The service manager that wants to hear from this process, by systemd's variables."""
    notify = os.environ.get("NOTIFY_SOCKET", "")
    if not notify.startswith(("/", "@")):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
    fed = meant and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
    return ServiceManager(notify, int(microseconds) / 1e6 if fed else None)
