# SPDX-License-Identifier: EUPL-1.2
"""A device that MDM manages has its marker; one that lost it says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lakzegel_agent.guards.base import PlaceError, Surroundings
from lakzegel_agent.guards.mdm_marker import GUARD
from lakzegel_agent.guards.placesregistry import MACHINE, Registry

from .conftest import Make, readings
from .twins import BINARY, Windows

MARKER = "/etc/minxyz/managed"


def told(surroundings: Surroundings) -> tuple[str, str]:
    (reading,) = readings(GUARD, surroundings)
    assert reading.subject == "device"
    return str(reading.state), reading.reason


def place(surroundings: Surroundings) -> Path:
    path = surroundings.system / MARKER.removeprefix("/")
    path.parent.mkdir(parents=True, mode=0o755)
    path.parent.chmod(0o755)
    path.write_bytes(b"")
    path.chmod(0o644)
    return path


def test_a_device_without_the_setting_has_nothing_to_guard(around: Make) -> None:
    assert told(around()) == ("not-applicable", "")


def test_a_marker_that_is_there_is_compliant_and_one_that_went_is_drifted(around: Make) -> None:
    surroundings = around(marker=MARKER)
    assert told(surroundings) == ("drifted", "no-marker")
    path = place(surroundings)
    assert told(surroundings) == ("compliant", "")
    path.unlink()
    assert told(surroundings) == ("drifted", "no-marker")
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    assert told(surroundings) == ("drifted", "no-marker")


def test_what_others_could_have_put_there_is_unknown(around: Make) -> None:
    surroundings = around(marker=MARKER)
    path = place(surroundings)
    path.chmod(0o666)
    assert told(surroundings) == ("unknown", "not-ours")
    path.chmod(0o644)
    path.parent.chmod(0o777)
    assert told(surroundings) == ("unknown", "not-ours")
    path.parent.chmod(0o755)
    path.rename(path.with_name("other"))
    path.symlink_to("other")
    assert told(surroundings) == ("unknown", "not-ours")
    path.unlink()
    path.mkdir()
    assert told(surroundings) == ("unknown", "not-ours")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to others")
def test_a_marker_of_another_user_is_unknown(around: Make) -> None:
    surroundings = around(marker=MARKER)
    os.chown(place(surroundings), 1000, 1000)
    assert told(surroundings) == ("unknown", "not-ours")


def test_a_folder_that_may_not_be_looked_into_is_unknown(
    around: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    surroundings = around(marker=MARKER)

    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "lstat", refuse)
    assert told(surroundings) == ("unknown", "unreadable")


class Recorded:
    """A registry as it was written down: what each key has."""

    def __init__(self, **keys: bytes | None) -> None:
        self.keys = keys

    def read(self, place: str) -> bytes | None:
        return self.keys.get(place)

    def write(self, place: str, value: bytes | None) -> None:
        raise AssertionError(place, value)


class Away(Recorded):
    def read(self, place: str) -> bytes | None:
        raise PlaceError("unreadable")


VALUE = r"HKLM\Software\MinXYZ\Managed"
KEY = "HKLM\\Software\\MinXYZ\\"


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        (Recorded(**{KEY: b'{"keys": [], "values": ["managed"]}'}), ("compliant", "")),
        (Recorded(**{KEY: b'{"keys": ["Managed"], "values": ["a"]}'}), ("drifted", "no-marker")),
        (Recorded(), ("drifted", "no-marker")),
        (Away(), ("unknown", "unreadable")),
    ],
)
def test_a_value_of_the_registry_is_a_marker_too(
    around: Make, registry: Recorded, expected: tuple[str, str]
) -> None:
    surroundings = around(marker=VALUE, platform="win32", places={"registry": registry})
    assert told(surroundings) == expected


def test_a_registry_value_on_another_system_is_unknown(around: Make) -> None:
    assert told(around(marker=VALUE)) == ("unknown", "other-system")


def test_the_registry_of_the_machine_is_read_for_it(around: Make) -> None:
    hives = Windows(around().home)
    places = {"registry": Registry(around().home, hives)}
    surroundings = around(marker=VALUE, platform="win32", places=places)
    assert told(surroundings) == ("drifted", "no-marker")
    hives.hold(MACHINE, r"Software\MinXYZ", "MANAGED", b"x", BINARY)
    assert told(surroundings) == ("compliant", "")
