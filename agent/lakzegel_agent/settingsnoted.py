# SPDX-License-Identifier: EUPL-1.2
"""Notes that settings are not those of the start before, and which: names, never a value.

Of each setting the ledger remembers what its value gives under the ledger's key, encrypted as the
rest of it: a proxy's login is not to be had from that, and still a new one is a change.
docs/spec/health.md §3
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from lakzegel_agent import journal
from lakzegel_agent.errors import UnwritableError
from lakzegel_agent.ledger import DEVICE
from lakzegel_agent.settingsconfig import Config
from lakzegel_agent.settingslayers import TUNABLE, effective, flat

NAME: Final = "configuration"  # what the ledger remembers them by
_TOKEN: Final = 8  # bytes that stand for a value


class Memory(Protocol):
    """The ledger, as far as it is used here."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """Return the value that was kept."""
        ...

    def keyed(self, *parts: bytes) -> bytes:
        """Return bytes that these parts give, and that tell nothing without the key."""
        ...

    def observe(self, source: str, value: Mapping[str, Any]) -> None:
        """Queue an observation."""
        ...


def note_configuration(memory: Memory, config: Config) -> list[str]:
    """Log each setting that is another than at the start before, and have the office hear it."""
    found = {name: _token(memory, name, value) for name, value in _values(config).items()}
    data = memory.recall(NAME)
    changed = [] if data is None else _changed(data, found, config)
    if data is None or changed or not data.startswith(b"{"):
        with suppress(UnwritableError):
            memory.remember(NAME, json.dumps(found, sort_keys=True).encode())
            if changed:
                memory.observe(DEVICE, {"type": "configuration-changed", "settings": changed})
    for name in changed:
        journal.note("configuration-changed", "configuration", actor="system", code=_code(name))
    return changed


def _values(config: Config) -> dict[str, Any]:
    """Every setting that matters to what the agent does; a policy's own are logged as policies."""
    pins = config.pins
    said: dict[str, Any] = dict.fromkeys(TUNABLE)
    for layer in reversed(effective(config.layers)):
        said.update({name: value for name, value in flat(layer.values) if name in said})
    return {
        "server": config.server,
        "log_keys": [pins.log.ed25519.to_text(), pins.log.mldsa.to_text()],
        "policy_keys": [key.to_text() for key in pins.policy],
        "threshold": pins.threshold,
        "ca_file": str(config.ca_file),
        "workers": config.workers,
        "user_home": str(config.user_home),
        "proxy": config.proxy,
        "pac": config.pac,
        "keystore": config.keystore,
        "mdm_marker": config.marker,
        "serial_number": config.serial,
        **said,
    }


def _token(memory: Memory, name: str, value: object) -> str:
    text = json.dumps(value).encode("utf-8", "surrogateescape")
    return memory.keyed(b"setting", name.encode(), text)[:_TOKEN].hex()


def _changed(data: bytes, found: Mapping[str, str], config: Config) -> list[str]:
    """Which settings differ from what was remembered; before version 0.2 that was one hash."""
    if not data.startswith(b"{"):
        return [] if data == _hash_of_before(config) else ["configuration"]
    before = json.loads(data)
    return sorted(
        name for name in {**before, **found} if before.get(name, found.get(name)) != found.get(name)
    )


def _hash_of_before(config: Config) -> bytes:
    """What stood there before each setting was told apart."""
    values = _values(config)
    names = ("server", "log_keys", "policy_keys", "threshold", "ca_file", "workers", "user_home")
    text = json.dumps([values[name] for name in names])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _code(name: str) -> str:
    """A setting's name as a word of the log."""
    return name.replace("_", "-").replace(".", "-")
