# SPDX-License-Identifier: EUPL-1.2
"""Mail clients and chat apps that are installed, also where they were never started.

By the names of their entries in the menus of Linux (packages, Flatpak, Snap) and of their bundles
on macOS. What every macOS has (Mail, Messages) is not named: it counts once it holds something.
Windows keeps a list of what is installed in its registry, which is not read here.
docs/spec/settings-guarded.md, apps-covered
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

LINUX: Final = "linux"
MACOS: Final = "darwin"
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


def installed_apps(system: Path, home: Path, platform: str) -> frozenset[str]:
    """Return the apps of the table that are installed for this user or for all.

    Raises:
        OSError: a place where they would stand cannot be looked through.
    """
    if platform == LINUX:
        places = [*(system / one for one in _MENUS), *(home / one for one in _MENUS_AT_HOME)]
        return frozenset(_found(places, ".desktop", _ENTRIES))
    if platform == MACOS:
        places = [system / "Applications", home / "Applications"]
        return frozenset(_found(places, ".app", _BUNDLES))
    return frozenset()


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
