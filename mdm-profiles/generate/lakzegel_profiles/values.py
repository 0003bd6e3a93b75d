# SPDX-License-Identifier: EUPL-1.2
"""An organisation's own values, from an ``agent.toml``, looked at before ten thousand devices do.

server = "https://receiver.example"
serial_number = "$SERIALNUMBER"        # what the MDM fills in is taken as it is
[macos]                                # where one platform differs
home = "/Library/Application Support/Lakzegel/home"
"""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from lakzegel_agent.errors import UsageError
from lakzegel_agent.settings import load_config
from lakzegel_agent.settingslayers import Layer, flat
from lakzegel_agent.settingsschema import settings_of
from lakzegel_profiles.keys import PLATFORMS, Key, Kind, ProfileError, Value
from lakzegel_profiles.settingsprofile import nested
from lakzegel_profiles.site import Site, is_filled_in
from lakzegel_profiles.toml import agent_toml

_TYPES: Final = {Kind.TEXT: str, Kind.NUMBER: int, Kind.FLAG: bool, Kind.LIST: list}
_ON_THE_DEVICE: Final = "ca_file"  # is not there where profiles are made


class _NoMdm:
    """Whatever this machine is managed by says nothing."""

    def read(self) -> Layer | None:
        return None


def read_values(path: Path, keys: Sequence[Key], site: Site) -> Site:
    """The site with the values of this file.

    Raises:
        ProfileError: it cannot be read, has what no key is, or an agent would refuse it.
    """
    try:
        with path.open("rb") as file:
            said = tomllib.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise ProfileError(f"{path}: cannot be read: {error}") from None
    known = {key.name: key for key in keys}
    apart = {name: _flat(path, said.pop(name, {}), known) for name in PLATFORMS}
    found = replace(site, values=_flat(path, said, known), apart=apart, own=True)
    _require_set(path, keys, found)
    _require_taken(path, keys, found)
    return found


def _flat(path: Path, said: Any, known: Mapping[str, Key]) -> dict[str, Value]:  # noqa: ANN401
    if not isinstance(said, Mapping):
        raise ProfileError(f"{path}: [linux], [macos] and [windows] are tables")
    found = dict(flat(said))
    for name, value in found.items():
        _require(path, name, value, known)
    return found


def _require(path: Path, name: str, value: object, known: Mapping[str, Key]) -> None:
    """Return where this is a value of a key."""
    if name not in known:
        raise ProfileError(f"{path}: {name}: no such key; docs/guides/mdm-keys.md has all")
    key = known[name]
    if type(value) is not _TYPES[key.kind]:
        raise ProfileError(f"{path}: {name}: not a {key.kind}")


def _require_set(path: Path, keys: Sequence[Key], site: Site) -> None:
    """Return where nothing that must be set is left to an example."""
    for key in keys:
        if key.required and key.name not in site.values and not key.differs:
            raise ProfileError(f"{path}: {key.name}: must be set")


def _require_taken(path: Path, keys: Sequence[Key], site: Site) -> None:
    """Return where an agent takes these values: on Linux all of them, elsewhere each by itself."""
    plain = replace(
        site, values=_known_here(site.values), apart={n: _known_here(v) for n, v in _apart(site)}
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            at = Path(folder, "agent.toml")
            at.write_bytes(agent_toml(keys, plain))
            load_config(at, mdm=_NoMdm())
    except UsageError as error:
        told = str(error).replace(f"{folder}/agent.toml: ", "")
        raise ProfileError(f"{path}: an agent refuses it: {told}") from None
    for platform in PLATFORMS:
        _require_types(f"{path}: [{platform}]", keys, plain, platform)


def _require_types(place: str, keys: Sequence[Key], site: Site, platform: str) -> None:
    values = {key.name: site.value(key, platform) for key in keys}
    try:
        settings_of([nested({name: value for name, value in values.items() if value is not None})])
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in fault["loc"])
        raise ProfileError(f"{place}: an agent refuses {name}: {fault['msg']}") from None


def _apart(site: Site) -> list[tuple[str, Mapping[str, Value]]]:
    return list(site.apart.items())


def _known_here(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values that can be looked at without a device and without its MDM."""
    return {
        name: value
        for name, value in values.items()
        if name != _ON_THE_DEVICE and not is_filled_in(value)
    }
