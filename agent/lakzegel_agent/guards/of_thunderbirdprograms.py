# SPDX-License-Identifier: EUPL-1.2
"""Thunderbird's installations, and what they say of preferences before a profile does.

    programs(surroundings)      -> each installation
    rules(program, ...)         -> its default files, its AutoConfig, its policies, each line

docs/spec/settings-guarded.md, thunderbird-retention §2
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from lakzegel_agent.guards.base import (
    LINUX,
    MACOS,
    NOT_UNDERSTOOD,
    TOO_MANY,
    UNREADABLE,
    WINDOWS,
    Place,
    PlaceError,
    Surroundings,
)
from lakzegel_agent.guards.of_plists import read_plist
from lakzegel_agent.guards.of_thunderbird import Profile, Said, Value, said

SYSTEM: Final = "system"
SNAP: Final = "snap"
FLATPAK: Final = "flatpak"
OWN: Final = "lakzegel.js"  # the name of the one file that is this agent's
DEFAULTS: Final = frozenset({"pref", "sticky_pref", "lockPref", "user_pref"})
CALLS: Final = frozenset({"pref", "defaultPref", "lockPref"})  # AutoConfig's, with a value
CALLS_BARE: Final = frozenset({"unlockPref", "clearPref"})
_MAX_FILES: Final = 200  # of defaults in one folder
_MAC_APP: Final = "Applications/Thunderbird.app/Contents/Resources"
_USUAL: Final[Mapping[str, tuple[str, ...]]] = {
    LINUX: ("usr/lib/thunderbird", "usr/lib64/thunderbird", "opt/thunderbird"),
    MACOS: (_MAC_APP,),
    WINDOWS: ("Program Files/Mozilla Thunderbird", "Program Files (x86)/Mozilla Thunderbird"),
}
_SNAP: Final = "snap/thunderbird/current/usr/lib/thunderbird"
_FLATPAKS: Final = ("org.mozilla.Thunderbird", "net.thunderbird.Thunderbird")
_IN_FLATPAK: Final = "current/active/files/lib/thunderbird"
_POLICIES: Final = "policies.json"
_NO_POLICIES: Final = b'{"policies":{}}'  # an empty file is none
_REGISTRY: Final = ("HKLM", "HKCU")


@dataclass(frozen=True, slots=True)
class Program:
    """An installation: ``root`` is where `application.ini` lies."""

    root: Path
    kind: str

    @property
    def own(self) -> Path:
        """Return where this agent's file of locked defaults is, or would be."""
        return self.root / "defaults/pref" / OWN


@dataclass(frozen=True, slots=True)
class Policy:
    """One preference of MDM's policies: ``status`` is "" where only a value is given."""

    name: str
    value: Value | None
    status: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds in one installation, whichever the profile; `own` are this agent's lines."""

    defaults: tuple[Said, ...]
    own: tuple[Said, ...]
    config: tuple[Said, ...]
    policies: tuple[Policy, ...]


NO_RULES: Final = Rules((), (), (), ())  # of a program that was not found


def programs(surroundings: Surroundings) -> Iterator[Program]:
    """Yield each installation once."""
    seen: set[str] = set()
    for root, kind in _roots(surroundings):
        real = os.path.realpath(root)
        if real not in seen and (root / "application.ini").is_file():
            seen.add(real)
            yield Program(root, kind)


def kind_of(profile: Profile, home: Path) -> str:
    """Return which kind of installation uses a profile: a sandbox has its own."""
    for below, kind in (
        *((f".var/app/{name}", FLATPAK) for name in _FLATPAKS),
        ("snap/thunderbird", SNAP),
    ):
        if profile.root.is_relative_to(os.path.realpath(home / below)):
            return kind
    return SYSTEM


def rules(program: Program, surroundings: Surroundings) -> Rules:
    """Return what an installation says of preferences.

    Raises:
        PlaceError: something there is not understood, so that nothing can be told of any profile.
    """
    place = surroundings.places["file"]
    own: list[Said] = []
    defaults: list[Said] = []
    for path in _default_files(program, surroundings):
        lines = said(place.read(str(path)) or b"", DEFAULTS)
        (own if path == program.own else defaults).extend(lines)
    _require_plain_distribution(program, place)
    policies = tuple(_policies(program, surroundings))
    return Rules(tuple(defaults), tuple(own), tuple(_config(program, defaults, place)), policies)


def _roots(surroundings: Surroundings) -> Iterator[tuple[Path, str]]:
    system, home = surroundings.system, surroundings.home
    for part in _USUAL.get(surroundings.platform, ()):
        yield system / part, SYSTEM
    if surroundings.platform == MACOS:
        yield home / _MAC_APP, SYSTEM
    if surroundings.platform == LINUX:
        yield system / _SNAP, SNAP
        for name in _FLATPAKS:
            yield system / "var/lib/flatpak/app" / name / _IN_FLATPAK, FLATPAK
            yield home / ".local/share/flatpak/app" / name / _IN_FLATPAK, FLATPAK


def _default_files(program: Program, surroundings: Surroundings) -> Iterator[Path]:
    """Yield the files of defaults that lie beside the program; Debian has some in /etc."""
    folders = [program.root / "defaults/pref", program.root / "defaults/preferences"]
    if surroundings.platform == LINUX and program.kind == SYSTEM:
        folders.append(surroundings.system / "etc/thunderbird/pref")
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                names = sorted(entry.name for entry in islice(entries, _MAX_FILES + 1))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            raise PlaceError(UNREADABLE) from None
        if len(names) > _MAX_FILES:
            raise PlaceError(TOO_MANY)
        yield from (folder / name for name in names if name.endswith(".js"))


def _require_plain_distribution(program: Program, place: Place) -> None:
    """Refuse a distribution that sets preferences of mail: how it does that is not read.

    Raises:
        PlaceError: so it is.
    """
    held = place.read(str(program.root / "distribution/distribution.ini")) or b""
    if b"mail." in held:
        raise PlaceError(NOT_UNDERSTOOD)


def _config(program: Program, defaults: list[Said], place: Place) -> Iterator[Said]:
    """Yield the calls of the AutoConfig file that the defaults name.

    It is a program. Of one that does anything but call these functions with plain values, or
    fetches another from somewhere, nothing can be told.
    """
    told = {one.name: one.value for one in defaults}
    name = told.get("general.config.filename")
    if told.get("autoadmin.global_config_url"):
        raise PlaceError(NOT_UNDERSTOOD)
    if name is None:
        return
    shift = told.get("general.config.obscure_value", 0)
    if not isinstance(name, str) or type(shift) is not int or Path(name).name != name:
        raise PlaceError(NOT_UNDERSTOOD)
    held = place.read(str(program.root / name))
    if held is None:
        raise PlaceError(NOT_UNDERSTOOD)
    if shift > 0:
        held = held.translate(bytes((byte - shift) % 256 for byte in range(256)))
    _, _, rest = held.partition(b"\n")  # the first line is never read
    for one in said(rest, CALLS, CALLS_BARE):
        if one.name == "autoadmin.global_config_url" and one.value:
            raise PlaceError(NOT_UNDERSTOOD)
        yield one


def _policies(program: Program, surroundings: Surroundings) -> Iterator[Policy]:
    """Yield the preferences of MDM's policies that this installation reads."""
    place = surroundings.places["file"]
    _require_no_policies_in_registry(surroundings)
    preferences = _managed(surroundings, place)
    if preferences is None:
        preferences = _preferences(_policies_file(program, surroundings, place))
    for name, entry in preferences.items():
        if not isinstance(entry, dict):
            yield Policy(name, _value(entry), "")
            continue
        status = entry.get("Status", "default")
        if status not in {"default", "locked", "user", "clear"}:
            raise PlaceError(NOT_UNDERSTOOD)
        yield Policy(name, None if status == "clear" else _value(entry.get("Value")), status)


def _policies_file(program: Program, surroundings: Surroundings, place: Place) -> bytes:
    """Return what policies.json holds: on Linux the one in /etc comes before the program's."""
    if surroundings.platform == LINUX and program.kind == SYSTEM:
        etc = surroundings.system / "etc/thunderbird/policies" / _POLICIES
        held = place.read(str(etc))
        if held is not None:
            return held or _NO_POLICIES
    return place.read(str(program.root / "distribution" / _POLICIES)) or _NO_POLICIES


def _preferences(held: bytes) -> Mapping[str, Any]:
    try:
        policies = json.loads(held.decode("utf-8-sig"))["policies"]
        found = policies.get("Preferences", {})
        found = json.loads(found) if isinstance(found, str) else found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PlaceError(NOT_UNDERSTOOD) from None
    return _mapping(found)


def _managed(surroundings: Surroundings, place: Place) -> Mapping[str, Any] | None:
    """Return the preferences of macOS' managed settings, None where there are none."""
    if surroundings.platform != MACOS:
        return None
    folder = surroundings.system / "Library/Managed Preferences"
    names = (
        "org.mozilla.thunderbird.plist",
        f"{surroundings.home.name}/org.mozilla.thunderbird.plist",
    )
    for name in names:
        held = place.read(str(folder / name))
        if held is None:
            continue
        found = read_plist(held)
        if any(key.startswith("Preferences__") for key in found):  # flattened
            raise PlaceError(NOT_UNDERSTOOD)
        if "Preferences" in found:
            return _mapping(found["Preferences"])
    return None


def _require_no_policies_in_registry(surroundings: Surroundings) -> None:
    """Refuse policies in Windows' registry: of a value of several lines nothing can be read.

    Raises:
        PlaceError: there are some.
    """
    registry = surroundings.places.get("registry")
    if surroundings.platform != WINDOWS or registry is None:
        return
    for hive in _REGISTRY:
        key = rf"{hive}\Software\Policies\Mozilla\Thunderbird" + "\\"
        if b'"preferences"' in (registry.read(key) or b"").lower():
            raise PlaceError(NOT_UNDERSTOOD)


def _mapping(found: object) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise PlaceError(NOT_UNDERSTOOD)
    return found


def _value(found: object) -> Value:
    if not isinstance(found, (str, int, bool)):
        raise PlaceError(NOT_UNDERSTOOD)
    return found
