# SPDX-License-Identifier: EUPL-1.2
"""Every mail client and chat app has a source, or is covered by other means until a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakzegel_agent.guards.apps_covered import GUARD
from lakzegel_agent.guards.base import Surroundings, Watched
from lakzegel_agent.guards.placesregistry import DWORD, MACHINE, SZ, Registry
from lakzegel_agent.readinessapps import known_apps
from lakzegel_agent.readinessinstalled import _BUNDLES, _DISPLAYED, _ENTRIES

from .conftest import Make, policy, readings, states
from .twins import Windows

ELSEWHERE = """
[[elsewhere]]
app = "{app}"
attested_by = "functional-management"
until = 2027-06-30
why = "archived on the server"
"""
UNTIL = datetime(2027, 6, 30, tzinfo=UTC)


def found(surroundings: Surroundings) -> dict[str, tuple[str, str]]:
    return states(readings(GUARD, surroundings))


def test_an_app_without_a_source_is_drifted_until_it_has_one(around: Make) -> None:
    folder = around().home / ".config/Signal"
    folder.mkdir(parents=True)
    assert found(around()) == {"signal": ("drifted", "no-source")}
    assert found(around(("signal-desktop", folder))) == {"signal": ("compliant", "")}
    assert found(around(("maildir", around().home / "Mail"))) == {
        "signal": ("drifted", "no-source")
    }


def test_an_app_that_is_not_there_has_no_reading(around: Make) -> None:
    assert found(around()) == {}
    assert found(around(policy=policy(ELSEWHERE.format(app="teams")))) == {}


def test_an_app_that_is_covered_elsewhere_is_compliant_and_says_by_whom(around: Make) -> None:
    (around().home / ".config/teams-for-linux").mkdir(parents=True)
    (reading,) = readings(GUARD, around(policy=policy(ELSEWHERE.format(app="teams"))))
    assert (reading.state, reading.reason) == ("compliant", "")
    assert reading.value == {
        "source": False,
        "started": True,
        "attested_by": "functional-management",
        "until": "2027-06-30T00:00:00Z",
        "why": "archived on the server",
    }


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2027, 6, 29, 23, 59, 59, tzinfo=UTC), ("compliant", "")),
        (UNTIL, ("drifted", "attestation-over")),
        (datetime(2030, 1, 1, tzinfo=UTC), ("drifted", "attestation-over")),
    ],
)
def test_an_attestation_ends_at_its_moment(
    around: Make, now: datetime, expected: tuple[str, str]
) -> None:
    (around().home / ".config/teams-for-linux").mkdir(parents=True)
    surroundings = around(policy=policy(ELSEWHERE.format(app="teams")), now=now)
    (reading,) = readings(GUARD, surroundings)
    assert (str(reading.state), reading.reason) == expected
    assert reading.since == (None if expected[0] == "compliant" else UNTIL)


def test_an_attestation_of_another_app_covers_nothing(around: Make) -> None:
    (around().home / ".config/Signal").mkdir(parents=True)
    surroundings = around(policy=policy(ELSEWHERE.format(app="teams")))
    assert found(surroundings) == {"signal": ("drifted", "no-source")}


def test_an_attestation_of_an_app_that_nobody_knows_is_unknown(around: Make) -> None:
    surroundings = around(policy=policy(ELSEWHERE.format(app="microsoft-teams")))
    assert found(surroundings) == {"microsoft-teams": ("unknown", "app-unknown")}


@pytest.mark.parametrize(
    ("platform", "place", "app"),
    [
        ("linux", "usr/share/applications/signal-desktop.desktop", "signal"),
        ("linux", "usr/share/applications/org.telegram.desktop.desktop", "telegram"),
        ("linux", "usr/local/share/applications/wire-desktop.desktop", "wire"),
        (
            "linux",
            "var/lib/flatpak/exports/share/applications/org.mozilla.Thunderbird.desktop",
            "thunderbird",
        ),
        (
            "linux",
            "var/lib/snapd/desktop/applications/thunderbird_thunderbird.desktop",
            "thunderbird",
        ),
        ("darwin", "Applications/WhatsApp.app/Contents", "whatsapp"),
        ("darwin", "Applications/Microsoft Teams.app/Contents", "teams"),
    ],
)
def test_an_app_that_was_installed_and_never_started_is_a_finding(
    around: Make, platform: str, place: str, app: str
) -> None:
    path = around().system / place
    path.parent.mkdir(parents=True)
    path.touch()
    surroundings = around(platform=platform)
    assert found(surroundings) == {app: ("drifted", "installed-only")}
    assert found(replace(surroundings, platform="win32")) == {}


def test_an_app_that_is_installed_for_this_user_alone_is_seen(around: Make) -> None:
    place = around().home / ".local/share/flatpak/exports/share/applications"
    place.mkdir(parents=True)
    (place / "org.signal.Signal.desktop").touch()
    (place / "org.gnome.Maps.desktop").touch()
    (place / "signal").touch()
    assert found(around()) == {"signal": ("drifted", "installed-only")}


def test_an_app_that_was_never_started_is_covered_by_a_source_that_waits_for_it(
    around: Make,
) -> None:
    place = around().system / "usr/share/applications"
    place.mkdir(parents=True)
    (place / "signal-desktop.desktop").touch()
    root = around().home / ".config/Signal"
    listed = (Watched("chats", "Gesprekken", "signal-desktop", root),)
    assert found(around(listed=listed)) == {"signal": ("compliant", "")}


def test_what_has_a_folder_is_told_once(around: Make) -> None:
    place = around().system / "usr/share/applications"
    place.mkdir(parents=True)
    (place / "signal-desktop.desktop").touch()
    (around().home / ".config/Signal").mkdir(parents=True)
    assert found(around()) == {"signal": ("drifted", "no-source")}


def test_menus_that_cannot_be_read_are_unknown(
    around: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: Path) -> None:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr("lakzegel_agent.readinessinstalled.os.scandir", refuse)
    assert found(around()) == {"": ("unknown", "unreadable")}


def test_more_entries_than_anybody_has_are_unknown(
    around: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakzegel_agent.readinessinstalled.MAX_ENTRIES", 2)
    place = around().system / "usr/share/applications"
    place.mkdir(parents=True)
    for number in range(3):
        (place / f"{number}.desktop").touch()
    assert found(around()) == {"": ("unknown", "unreadable")}


def test_a_menu_that_is_a_file_holds_nothing(around: Make) -> None:
    (around().system / "usr").mkdir()
    (around().system / "usr/share").touch()
    assert found(around()) == {}


def test_a_link_to_the_folder_of_an_app_is_that_folder(around: Make, tmp_path: Path) -> None:
    real = tmp_path / "disk/Signal"
    real.mkdir(parents=True)
    (around().home / ".config").mkdir()
    (around().home / ".config/Signal").symlink_to(real)
    assert found(around()) == {"signal": ("drifted", "no-source")}
    assert found(around(("signal-desktop", real))) == {"signal": ("compliant", "")}


def test_every_app_that_can_be_seen_installed_is_one_of_the_table() -> None:
    assert {*_ENTRIES.values(), *_BUNDLES.values(), *_DISPLAYED.values()} <= known_apps()


UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("Signal 7.1.0", {"signal"}),
        ("Mozilla Thunderbird (x64 nl)", {"thunderbird"}),
        ("Telegram Desktop version 4.16.4", {"telegram"}),
        ("Telegram Desktop", {"telegram"}),
        ("Microsoft Teams classic", {"teams"}),
        ("Microsoft Teams Meeting Add-in for Microsoft Office", set()),
        ("Wireshark 4.2.6 x64", set()),
        ("Signaal 1", set()),
        (7, set()),
    ],
)
@pytest.mark.parametrize("hive", ["HKCU", "HKLM"])
def test_what_windows_can_uninstall_is_installed(
    around: Make, shown: str | int, expected: set[str], hive: str
) -> None:
    hives = Windows(around().home)
    if hive == "HKCU":
        hives.mine(rf"{UNINSTALL}\app", DisplayName=shown)
    else:
        kind = SZ if isinstance(shown, str) else DWORD
        hives.hold(MACHINE, rf"{UNINSTALL}\app", "DisplayName", shown, kind)
    hives.key(MACHINE, rf"{UNINSTALL}\without-a-name")
    places = {"registry": Registry(around().home, hives)}
    looked = found(around(platform="win32", places=places))
    assert looked == dict.fromkeys(expected, ("drifted", "installed-only"))


def test_the_list_of_a_user_who_is_not_signed_in_is_unknown(around: Make) -> None:
    hives = Windows(around().home)
    hives.sign_out()
    places = {"registry": Registry(around().home, hives)}
    assert found(around(platform="win32", places=places)) == {"": ("unknown", "not-signed-in")}
