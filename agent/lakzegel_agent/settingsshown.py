# SPDX-License-Identifier: EUPL-1.2
"""Every setting as it is in effect, where it comes from, and what tried to override it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.settingslayers import TUNABLE, Provenance, effective, flat, provenance

DEFAULTS: Final = {  # of a policy too, docs/spec/policy.md §2, §7
    "cadence": "15m",
    "limits.batch": "16 MiB",
    "limits.spool": "2 GiB",
    "shipping.on_battery": "ship",
    "shipping.metered": "ship",
    "shipping.longest_wait": "24h",
}
HIDDEN: Final = "…"  # of a secret it is shown that it is there
_SILENT: Final = Provenance("default", "", locked=False, overridden=())


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting; ``value`` has no login."""

    name: str
    value: Any
    provenance: Provenance

    def to_json(self) -> dict[str, Any]:
        """For a program."""
        from_ = self.provenance
        return {
            "value": self.value,
            "from": from_.origin,
            "place": from_.place,
            "locked": from_.locked,
            "overridden": list(from_.overridden),
        }


def shown(config: Config, policy: str | None) -> list[Shown]:
    """All settings, with the TOML of the policy in force among their sources."""
    layers = config.under(policy)
    said: dict[str, Any] = {}
    for layer in reversed(effective(layers)):
        said.update(flat(layer.values))
    found = provenance(layers)
    values = {
        **_basics(config),
        **{name: said.get(name, DEFAULTS.get(name)) for name in TUNABLE},
    }
    return [Shown(name, value, found.get(name, _SILENT)) for name, value in values.items()]


def _basics(config: Config) -> dict[str, Any]:
    pins = config.pins
    return {
        "server": config.server,
        "home": str(config.home),
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        "threshold": pins.threshold,
        "ca_file": None if config.ca_file is None else str(config.ca_file),
        "workers": config.workers,
        "user_home": str(config.user_home),
        "proxy": without_login(config.proxy),
        "pac": None if config.pac is None else without_login(config.pac),
        "keystore": config.keystore,
        "mdm_marker": config.marker,
        "token": None if config.token is None else HIDDEN,
        "token_file": None if config.token_file is None else str(config.token_file),
        "serial_number": config.serial,
    }


def without_login(address: str) -> str:
    """An address as it may be shown: whoever reads it learns that there is a login, not which."""
    parts = urlsplit(address)
    login, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"…@{host}")) if at and login else address
