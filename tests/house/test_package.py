# SPDX-License-Identifier: EUPL-1.2
"""What is installed: the wheel, the locks, and the walls that the linters know of."""

import re
import subprocess
import sys
import zipfile
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PACKAGES = ["core", "agent", "server", "office", "web", "verify", "demo"]
FOREIGN = {
    "base": {"starlette", "uvicorn", "requests", "watchdog", "apscheduler", "psutil"},
    "agent": {"starlette", "uvicorn", "httptools", "uvloop"},
    "agent-pac": {"starlette", "uvicorn", "httptools", "uvloop", "sqlcipher3"},
    "agent-all": {"starlette", "uvicorn", "httptools", "uvloop"},
    "server": {"watchdog", "apscheduler", "psutil", "pydantic-settings", "python-pkcs11"},
    "server-hsm": {"watchdog", "apscheduler", "psutil", "pydantic-settings"},
    "office": {"watchdog", "apscheduler", "psutil", "pydantic", "authlib"},
}
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==\S+", re.MULTILINE)


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    """The names in the wheel that is built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run([*command, "--directory", folder], cwd=root, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


@pytest.mark.parametrize("room", PACKAGES)
def test_the_wheel_has_each_room_with_its_types(wheel, room):
    assert f"lakzegel_{room}/__init__.py" in wheel
    assert f"lakzegel_{room}/py.typed" in wheel


def test_the_wheel_carries_the_licence_and_nothing_but_the_rooms(wheel):
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
    tops = {name.split("/")[0] for name in wheel if ".dist-info/" not in name}
    assert tops == {f"lakzegel_{room}" for room in PACKAGES}


def test_the_wheel_has_the_rooms_dutch_ready_to_read(wheel):
    known = {"agent": "agent", "server": "server", "report": "office", "office": "office"}
    assert {name for name in wheel if "/locale/" in name} >= {
        f"lakzegel_{room}/locale/nl/LC_MESSAGES/lakzegel_{name}.mo" for name, room in known.items()
    }
    assert not any(name.endswith(".po") for name in wheel)


def test_the_wheel_has_every_template_sheet_and_picture_of_the_pages(wheel, root):
    places = "server/lakzegel_server/pages", "office/lakzegel_office/review", "web/lakzegel_web"
    folders = [root / pages / name for pages in places for name in ("templates", "static")]
    kept = {path for folder in folders for path in folder.iterdir()}
    assert {path.suffix for path in kept} == {".html", ".css", ".js", ".svg"}
    assert {str(Path(*path.relative_to(root).parts[1:])) for path in kept} <= set(wheel)


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_a_lock_holds_hashes_and_nothing_of_another_extra(root, name):
    text = (root / "requirements" / f"{name}.txt").read_text()
    pins = set(PIN.findall(text))
    assert {"cryptography", "zstandard"} <= pins
    assert pins.isdisjoint(FOREIGN[name])
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text


def test_what_an_extra_asks_for_is_in_its_lock(root):
    for requirement in map(Requirement, requires("lakzegel")):
        marker = str(requirement.marker or "")
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", marker)
        lock = (root / "requirements" / f"{extra[1] if extra else 'base'}.txt").read_text()
        assert requirement.name in PIN.findall(lock)


def test_the_linters_know_every_room(project):
    packages = {f"lakzegel_{room}" for room in PACKAGES}
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {path.split("/")[1] for path in built} == packages
    assert set(project["tool"]["mypy"]["packages"]) == packages
    assert set(project["tool"]["importlinter"]["root_packages"]) == packages
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    assert {name for layer in layers for name in layer.split(" | ")} == packages


def test_the_wheel_has_what_a_report_is_made_of(wheel, root):
    kept = (root / "office/lakzegel_office/reports/templates").iterdir()
    names = {f"lakzegel_office/reports/templates/{path.name}" for path in kept}
    assert len(names) == 3
    assert names <= set(wheel)
