# SPDX-License-Identifier: EUPL-1.2
"""A Python environment for one package: what its lock names, our rooms, and nothing else.

bin/python -> /usr/bin/python3.11    the system's interpreter, of the version this was made for
pyvenv.cfg                           what makes it an environment
lib/python3.11/site-packages/        installed by pip from hashes; no pip, no setuptools
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_linux.errors import PackagingError

PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
CONFIGURATION: Final = "home = /usr/bin\ninclude-system-site-packages = false\n"
# what no import and no licence needs; the first column is matched from the end of a path
UNUSED_FOLDERS: Final = ("bin", "share", "include", "*/tests", "__pycache__")
UNUSED_FILES: Final = ("*.pyi", "*.c", "*.h", "*.pyx", "*.pxd")
UNUSED_ENDS: Final = (
    "zstandard/_cffi.*.so",  # the same library twice: CPython takes the other one
    "zstandard/backend_cffi.py",
    "olefile/olefile2.py",  # for Python 2
)
# of pip's, about the machine where the environment was made; and hashes of what is trimmed here
RECORDS: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


@dataclass(frozen=True, slots=True)
class Wheel:
    """One distribution as it was installed."""

    name: str
    version: str
    file: str  # the wheel's name
    sha256: str


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment below ``root``, which is what will be ``/``."""

    root: Path
    home: str  # "/usr/lib/lakzegel-agent"
    wheels: tuple[Wheel, ...]

    @property
    def packages(self) -> Path:
        """Where the import packages are."""
        return self.root / self.home.lstrip("/") / "lib" / PYTHON / "site-packages"


def make_skeleton(root: Path, home: str) -> Environment:
    """An environment with nothing in it but the way to the interpreter."""
    made = Environment(root, home, ())
    folder = root / home.lstrip("/")
    made.packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(os.path.relpath(f"/usr/bin/{PYTHON}", f"{home}/bin"))
    (folder / "pyvenv.cfg").write_text(CONFIGURATION)
    return made


def install(lock: Path, target: Path, report: Path) -> tuple[Wheel, ...]:
    """What pip installed in ``target`` from a lock: wheels alone, each with the lock's hash.

    Raises:
        PackagingError: pip could not, or would not.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--no-compile", "--report", os.fspath(report), "--target", os.fspath(target)]
    done = subprocess.run(
        [*command, "--requirement", os.fspath(lock)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise PackagingError(f"{lock}: pip could not install it: {last}")
    return tuple(_wheel(one) for one in json.loads(report.read_bytes())["install"])


def _wheel(entry: dict[str, dict[str, dict[str, dict[str, str]]]]) -> Wheel:
    """One entry of pip's installation report."""
    metadata: dict[str, str] = entry["metadata"]  # type: ignore[assignment]  # as pip has it
    download = entry["download_info"]
    file = str(download["url"]).rpartition("/")[2]
    sha256 = download["archive_info"]["hashes"]["sha256"]
    return Wheel(metadata["name"], metadata["version"], file, sha256)


def add_rooms(wheel: Path, rooms: tuple[str, ...], target: Path) -> None:
    """Take those import packages out of our wheel, with what says its name and version."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            top = name.split("/", 1)[0]
            if top in rooms or top.endswith(".dist-info"):
                archive.extract(name, target)


def name_version(made: Environment, version: str) -> None:
    """Say in the environment which package it is of, for launchers (docs/spec/updates.md §4)."""
    (made.root / made.home.lstrip("/") / "VERSION").write_text(f"{version}\n")


def trim(packages: Path) -> None:
    """Remove what is of no use on the system that the environment is for."""
    for pattern in UNUSED_FOLDERS:
        for folder in list(packages.rglob(pattern) if "/" in pattern else packages.glob(pattern)):
            shutil.rmtree(folder)
    for pattern in (*UNUSED_FILES, *UNUSED_ENDS):
        for path in list(packages.rglob(pattern)):
            path.unlink()
    for record in RECORDS:
        for path in list(packages.glob(f"*.dist-info/{record}")):
            path.unlink()
    _remove_empty(packages)


def _remove_empty(packages: Path) -> None:
    """Remove folders in which nothing is left, from the inside outwards."""
    for folder in sorted(packages.rglob("*"), reverse=True):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def strip(packages: Path) -> None:
    """Take symbols that only a debugger reads out of the libraries: half of all bytes.

    Raises:
        PackagingError: ``strip`` is not there, or does not know such a library.
    """
    found = sorted(path for path in packages.rglob("*.so*") if not path.is_symlink())
    if not found:
        return
    program = shutil.which("strip")
    if program is None:
        raise PackagingError("strip: not found; install binutils")
    done = subprocess.run(
        [program, "--strip-unneeded", *map(os.fspath, found)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or done.stderr.strip():
        raise PackagingError(f"strip: {done.stderr.strip().rpartition(chr(10))[2]}")
