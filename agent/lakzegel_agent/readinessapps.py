# SPDX-License-Identifier: EUPL-1.2
"""Mail clients and chat apps, and where they keep what they hold, below a user's home.

A table of names: what it does not know is not found. Places of all systems stand together, since
none is another program's elsewhere. docs/spec/sources.md §8
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Final

_PLACES: Final = {
    "apple-mail": ("Library/Mail",),
    "claws-mail": (".claws-mail",),
    "discord": (
        ".config/discord",
        "Library/Application Support/discord",
        "AppData/Roaming/discord",
    ),
    "element": (
        ".config/Element",
        ".var/app/im.riot.Riot/config/Element",
        "Library/Application Support/Element",
        "AppData/Roaming/Element",
    ),
    "evolution": (
        ".local/share/evolution/mail",
        ".var/app/org.gnome.Evolution/data/evolution/mail",
    ),
    "geary": (".local/share/geary", ".var/app/org.gnome.Geary/data/geary"),
    "iphone-backup": (
        "Library/Application Support/MobileSync/Backup",
        "AppData/Roaming/Apple Computer/MobileSync/Backup",
        "Apple/MobileSync/Backup",
    ),
    "kmail": (".local/share/local-mail", ".local/share/kmail2"),
    "messages": ("Library/Messages",),
    "outlook": (
        "AppData/Local/Microsoft/Outlook",
        "Documents/Outlook Files",
        "Library/Group Containers/UBF8T346G9.Office/Outlook",
    ),
    "signal": (
        ".config/Signal",
        ".var/app/org.signal.Signal/config/Signal",
        "snap/signal-desktop/current/.config/Signal",
        "Library/Application Support/Signal",
        "AppData/Roaming/Signal",
    ),
    "skype": (".config/skypeforlinux", "AppData/Roaming/Microsoft/Skype for Desktop"),
    "slack": (".config/Slack", "Library/Application Support/Slack", "AppData/Roaming/Slack"),
    "teams": (
        ".config/Microsoft/Microsoft Teams",
        ".config/teams-for-linux",
        "Library/Containers/com.microsoft.teams2",
        "AppData/Local/Packages/MSTeams_8wekyb3d8bbwe",
    ),
    "telegram": (
        ".local/share/TelegramDesktop",
        ".var/app/org.telegram.desktop/data/TelegramDesktop",
        "snap/telegram-desktop/current/.local/share/TelegramDesktop",
        "Library/Application Support/Telegram Desktop",
        "Library/Group Containers/6N38VWS5BX.ru.keepcoder.Telegram",
        "AppData/Roaming/Telegram Desktop",
    ),
    "threema": (
        ".config/ThreemaDesktop",
        "Library/Application Support/ThreemaDesktop",
        "AppData/Roaming/ThreemaDesktop",
    ),
    "thunderbird": (
        ".thunderbird",
        ".var/app/org.mozilla.Thunderbird/.thunderbird",
        ".var/app/net.thunderbird.Thunderbird/.thunderbird",
        "snap/thunderbird/common/.thunderbird",
        "Library/Thunderbird",
        "AppData/Roaming/Thunderbird",
    ),
    "whatsapp": (
        "Library/Group Containers/group.net.whatsapp.WhatsApp.shared",
        "AppData/Local/Packages/5319275A.WhatsAppDesktop_cv1g1gvanyjgm",
    ),
    "wire": (".config/Wire", "Library/Application Support/Wire", "AppData/Roaming/Wire"),
}


def known_apps() -> frozenset[str]:
    """Return the names of the apps in the table."""
    return frozenset(_PLACES)


def present_apps(home: bytes, roots: Iterable[bytes]) -> dict[str, bool]:
    """Return the apps whose folder is in this home, and whether a root has to do with all of it.

    A root has to do with a folder when it is that folder, lies in it, or holds it.
    """
    watched = [_whole(root) for root in roots]
    found = {}
    for app in sorted(_PLACES):
        places = list(_there(home, app))
        if places:
            found[app] = not any(_open(place, watched) for place in places)
    return found


def uncovered_apps(home: bytes, roots: Iterable[bytes]) -> list[str]:
    """Return the apps whose folder is in this home while no source's root has to do with it."""
    return [app for app, covered in present_apps(home, roots).items() if not covered]


def will_be_covered(app: str, home: bytes, roots: Iterable[bytes]) -> bool:
    """Whether a root has to do with a place where an app that has no folder yet may make one."""
    watched = [_whole(root) for root in roots]
    places = (os.path.join(home, os.fsencode(place)) for place in _PLACES[app])  # noqa: PTH118  # bytes
    return any(not _open(_whole(place), watched) for place in places)


def _there(home: bytes, app: str) -> Iterator[bytes]:
    for place in _PLACES[app]:
        path = os.path.join(home, os.fsencode(place))  # noqa: PTH118  # bytes
        if os.path.isdir(path):  # noqa: PTH112  # bytes
            yield _whole(path)


def _open(place: bytes, roots: Iterable[bytes]) -> bool:
    """Whether none of the roots is this place, lies in it, or holds it."""
    return not any(root.startswith(place) or place.startswith(root) for root in roots)


def _whole(path: bytes) -> bytes:
    """Return a path without links, so that one place has one name, with a slash behind it."""
    return os.path.realpath(path).rstrip(b"/") + b"/"
