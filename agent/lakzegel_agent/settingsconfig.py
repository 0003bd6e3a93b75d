# SPDX-License-Identifier: EUPL-1.2
"""The configuration once it is read: plain values, so that who keeps them needs no schema.

`settings.py` reads it, with pydantic, which weighs 10 MB: a process that stays for years has
another one read it (`settingsapart.py`). docs/spec/settings.md
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lakzegel_agent.settingslayers import TUNABLE, Layer, effective, flat
from lakzegel_agent.trust import Pins

if TYPE_CHECKING:
    from lakzegel_agent.settingsschema import Tunable

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
SYSTEM: Final = "system"  # proxies as the system has them
_FIRST_SOCKET: Final = 3  # sd_listen_fds(3)
NONE: Final = "none"  # no proxy, whatever the system says


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
    proxy: str = field(repr=False)  # it may hold a login
    pac: str | None = field(repr=False)
    keystore: str
    marker: str | None  # where the marker of MDM is that this device must have
    layers: tuple[Layer, ...] = field(repr=False)
    token: str | None = field(default=None, repr=False)  # what lets this device in, once
    token_file: Path | None = None  # the file with it
    serial: str | None = None  # what the settings say instead of the hardware

    def has_token(self) -> bool:
        """Whether the settings name something to enrol by."""
        return self.token is not None or self.token_file is not None

    def without_token(self) -> Config:
        """These settings once a token is of no use any more: it is not among them."""
        layers = tuple(replace(one, values=_but_token(one.values)) for one in self.layers)
        return replace(self, token=None, token_file=None, layers=layers)

    def is_tuned(self) -> bool:
        """Whether MDM, the file or the environment says something that a policy may say too."""
        return any(name in TUNABLE for one in self.layers for name, _ in flat(one.values))

    def tuned(self, policy: str | None) -> Tunable:
        """What a policy may say too, by all sources and this policy's TOML."""
        from lakzegel_agent.settingsschema import tunable_of  # noqa: PLC0415 - most do without

        return tunable_of([layer.values for layer in effective(self.under(policy))])

    def under(self, policy: str | None) -> tuple[Layer, ...]:
        """All sources, this policy's TOML among them."""
        if policy is None:
            return self.layers
        return (*self.layers, Layer("policy", "policy in force", tomllib.loads(policy)))


def _but_token(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "token"}


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """What a service manager left in the environment; ``watchdog`` in seconds."""

    notify: str
    watchdog: float | None


LABEL: Final = "nl.lakzegel.agent"


def is_launchd() -> bool:
    """Whether launchd runs this process as the daemon that it knows by our label."""
    return os.environ.get("XPC_SERVICE_NAME") == LABEL


def service_manager() -> ServiceManager | None:
    """The service manager that wants to hear from this process, by systemd's variables."""
    notify = os.environ.get("NOTIFY_SOCKET", "")
    if not notify.startswith(("/", "@")):
        return None
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
    fed = meant and microseconds.isascii() and microseconds.isdigit() and int(microseconds) > 0
    return ServiceManager(notify, int(microseconds) / 1e6 if fed else None)


def handed_over() -> int | None:
    """The descriptor of the one socket that a service manager made for this process."""
    count = os.environ.get("LISTEN_FDS", "")
    ours = os.environ.get("LISTEN_PID", "") == str(os.getpid())
    return _FIRST_SOCKET if ours and count == "1" else None


@dataclass(frozen=True, slots=True)
class Launcher:
    """What the package's launcher left in the environment (docs/spec/updates.md §4).

    ``instead_of`` is the version that this one was started in the place of.
    """

    state: Path | None
    instead_of: str | None


def launcher() -> Launcher:
    """What started this process, as far as it says so."""
    state = os.environ.get("LAKZEGEL_STATE", "")
    return Launcher(
        Path(state) if state.startswith("/") else None,
        os.environ.get("LAKZEGEL_INSTEAD_OF") or None,
    )
