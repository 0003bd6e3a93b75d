# SPDX-License-Identifier: EUPL-1.2
"""Others' modules and ours, for a system that this one need not be.

Wheels come by pip, from the hashes of the lock; nothing is built, so nothing of the machine that
makes the package gets in. Our own wheel is made from the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from packaging.markers import Marker

from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import CHECKOUT, EPOCH
from lakzegel_frozen.targets import Target

LOCK: Final = "requirements/agent-signal.txt"  # Signal Desktop is on these systems (docs/adr/0012)
ROOMS: Final = ("lakzegel_core", "lakzegel_agent")
MESSAGE: Final = 400  # characters of what pip says
UNUSED: Final = (
    *("bin/*", "Scripts/*", "share/*", "*/tests/*", "*/__pycache__/*", "*.pyi", "*.c", "*.h"),
    *("*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.pth"),
    *("*.dist-info/direct_url.json", "zstandard/backend_cffi.py", "zstandard/_cffi.*"),
)


@dataclass(frozen=True, slots=True)
class Wheel:
    """One distribution as it was installed."""

    name: str
    version: str
    file: str  # the wheel's name
    sha256: str


def install(target: Target, python: str, into: Path, lock: Path) -> tuple[Wheel, ...]:
    """What the lock names, installed for the target.

    Raises:
        FrozenError: pip refuses, for instance because there is no wheel for that system.
    """
    report, pinned = into.with_name("report.json"), into.with_name("pinned.txt")
    into.parent.mkdir(parents=True, exist_ok=True)
    pinned.write_text(pins_for(lock.read_text(), target), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
        *("--require-hashes", "--no-compile", "--only-binary=:all:", "--no-deps"),
        *("--implementation=cp", f"--python-version={python}", f"--target={into}"),
        *(f"--platform={one}" for one in target.wheels),
        *(f"--report={report}", f"--requirement={pinned}"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise FrozenError(f"{lock}: pip refuses it: {' '.join(lines)[-MESSAGE:]}")
    found = json.loads(report.read_text())["install"]
    report.unlink()
    pinned.unlink()
    return tuple(sorted((_wheel(one) for one in found), key=lambda one: one.name))


def pins_for(lock: str, target: Target) -> str:
    """The lock's lines that hold for the target; pip would ask this system, not that one."""
    kept = []
    for line in lock.replace("\\\n", " ").splitlines():
        said, _, hashes = line.partition(" --hash=")
        pin, _, marker = said.partition(";")
        if not hashes:
            continue
        if not marker.strip() or Marker(marker).evaluate(dict(target.environment)):
            kept.append(f"{pin.strip()} --hash={' '.join(hashes.split())}\n")
    return "".join(kept)


def _wheel(entry: dict[str, dict[str, object]]) -> Wheel:
    """What pip's report says of one wheel."""
    about: dict[str, dict[str, dict[str, str]]] = entry["download_info"]  # type: ignore[assignment]
    address = str(entry["download_info"]["url"])
    return Wheel(
        name=str(entry["metadata"]["name"]),
        version=str(entry["metadata"]["version"]),
        file=address.rpartition("/")[2],
        sha256=about["archive_info"]["hashes"]["sha256"],
    )


def own_wheel(folder: Path, checkout: Path = CHECKOUT) -> Path:
    """Our wheel, made of the checkout.

    Raises:
        FrozenError: it cannot be made.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=checkout,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)},
        capture_output=True,
        text=True,
        check=False,
    )
    made = sorted(folder.glob("lakzegel-*.whl"))
    if done.returncode != 0 or len(made) != 1:
        raise FrozenError(f"our wheel: {' '.join(done.stderr.split())[-MESSAGE:]}")
    return made[0]


def unpack_rooms(wheel: Path, into: Path, rooms: tuple[str, ...] = ROOMS) -> None:
    """Our rooms that a device has, and what says which version they are."""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            top = name.partition("/")[0]
            if top in rooms or top.endswith(".dist-info"):
                archive.extract(name, into)


def copy_packages(source: Path, into: Path) -> None:
    """What was installed in a folder, without what no import and no licence needs."""
    for path in _files(source):
        relative = path.relative_to(source)
        if not any(fnmatch(relative.as_posix(), pattern) for pattern in UNUSED):
            target = into / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o644)


def _files(source: Path) -> Iterator[Path]:
    return (path for path in sorted(source.rglob("*")) if path.is_file())
