# SPDX-License-Identifier: EUPL-1.2
"""Mail clients and chat apps that are installed, also where they were never started.

By the names of their entries in the menus of Linux (packages, Flatpak, Snap), of their bundles on
macOS, and in Windows' list of what can be uninstalled. What every macOS has (Mail, Messages) is not
named: it counts once it holds something. docs/spec/settings-guarded.md, apps-covered
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

LINUX: Final = "linux"
MACOS: Final = "darwin"
WINDOWS: Final = "win32"
MAX_ENTRIES: Final = 20_000  # of one folder of menu entries or bundles
_MENUS: Final = (
    "usr/share/applications",
    "usr/local/share/applications",
    "var/lib/flatpak/exports/share/applications",
    "var/lib/snapd/desktop/applications",
)
_MENUS_AT_HOME: Final = (
    ".local/share/applications",
    ".local/share/flatpak/exports/share/applications",
)
_ENTRIES: Final = {  # without ``.desktop``, in lower case; a snap's begin with its name and ``_``
    "com.discordapp.discord": "discord",
    "discord": "discord",
    "element-desktop": "element",
    "im.riot.riot": "element",
    "evolution": "evolution",
    "org.gnome.evolution": "evolution",
    "org.gnome.geary": "geary",
    "org.kde.kmail2": "kmail",
    "org.signal.signal": "signal",
    "signal-desktop": "signal",
    "com.slack.slack": "slack",
    "slack": "slack",
    "teams": "teams",
    "teams-for-linux": "teams",
    "org.telegram.desktop": "telegram",
    "telegram-desktop": "telegram",
    "ch.threema.threema-desktop": "threema",
    "threema": "threema",
    "threema-desktop": "threema",
    "net.thunderbird.thunderbird": "thunderbird",
    "org.mozilla.thunderbird": "thunderbird",
    "thunderbird": "thunderbird",
    "com.wire.wiredesktop": "wire",
    "wire-desktop": "wire",
}
_BUNDLES: Final = {  # without ``.app``, in lower case
    "discord": "discord",
    "element": "element",
    "microsoft outlook": "outlook",
    "microsoft teams": "teams",
    "microsoft teams (work or school)": "teams",
    "microsoft teams classic": "teams",
    "signal": "signal",
    "slack": "slack",
    "telegram": "telegram",
    "telegram desktop": "telegram",
    "threema": "threema",
    "threema beta": "threema",
    "thunderbird": "thunderbird",
    "whatsapp": "whatsapp",
    "wire": "wire",
}


_UNINSTALL: Final = (
    r"HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall",
    r"HKLM\Software\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall",
    r"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall",
)
_DISPLAYED: Final = {  # in lower case, without version and language
    "discord": "discord",
    "element": "element",
    "microsoft teams": "teams",
    "microsoft teams classic": "teams",
    "mozilla thunderbird": "thunderbird",
    "signal": "signal",
    "slack": "slack",
    "telegram desktop": "telegram",
    "threema": "threema",
    "wire": "wire",
}
_BEHIND: Final = re.compile(r" (?:version )?[0-9(].{0,200}")  # "7.1.0", "(x64 nl)"


class Reads(Protocol):
    """A place of which values are read: Windows' registry."""

    def read(self, place: str) -> bytes | None:
        """Return what it holds; which keys a key has where the place ends with a backslash."""
        ...


def installed_apps(
    system: Path, home: Path, platform: str, registry: Reads | None = None
) -> frozenset[str]:
    """Return the apps of the table that are installed for this user or for all.

    Raises:
        OSError: a place where they would stand cannot be looked through.
        PlaceError: the registry cannot be read.
    """
    if platform == LINUX:
        places = [*(system / one for one in _MENUS), *(home / one for one in _MENUS_AT_HOME)]
        return frozenset(_found(places, ".desktop", _ENTRIES))
    if platform == MACOS:
        places = [system / "Applications", home / "Applications"]
        return frozenset(_found(places, ".app", _BUNDLES))
    if platform == WINDOWS and registry is not None:
        return frozenset(_listed(registry))
    return frozenset()


def _listed(registry: Reads) -> Iterator[str]:
    """Yield the apps in Windows' list of what can be uninstalled."""
    for key in _UNINSTALL:
        held = registry.read(f"{key}\\")
        for name in [] if held is None else json.loads(held)["keys"]:
            shown = registry.read(rf"{key}\{name}\DisplayName")
            text = json.loads(shown) if shown is not None else None
            app = _displayed(text.lower()) if isinstance(text, str) else None
            if app is not None:
                yield app


def _displayed(text: str) -> str | None:
    """Return which app a name stands for; what only begins alike is something else."""
    for name, app in _DISPLAYED.items():
        if text == name or (text.startswith(name) and _BEHIND.fullmatch(text, len(name))):
            return app
    return None


def _found(places: list[Path], ending: str, table: dict[str, str]) -> Iterator[str]:
    for place in places:
        for name in _names(place):
            stem, dot, end = name.lower().rpartition(".")
            app = table.get(stem) or table.get(stem.partition("_")[0])
            if dot + end == ending and app is not None:
                yield app


def _names(place: Path) -> Iterator[str]:
    """Yield the names in a folder, none where it is not there."""
    try:
        entries = os.scandir(place)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for number, entry in enumerate(entries):
            if number >= MAX_ENTRIES:
                raise OSError(f"more than {MAX_ENTRIES} entries")
            yield entry.name
