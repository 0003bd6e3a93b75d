# SPDX-License-Identifier: EUPL-1.2
"""The Python that goes into a package: an input, pinned by the digest of its tree.

A prefix as a relocatable build of CPython has it (docs/spec/frozen.md §3). What is taken of it has
no program that is an interpreter, and nothing that only a developer needs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.targets import WINDOWS, Target

MAX_FILES: Final = 100_000
# of the standard library: tests, tools of developers, windows on a screen, other interpreters
UNUSED: Final = (
    *("test", "tests", "idlelib", "idle_test", "tkinter", "turtledemo", "turtle.py", "lib2to3"),
    *("ensurepip", "venv", "pydoc_data", "distutils", "site-packages", "__pycache__", "config-*"),
    *("*.exe", "*.pdb", "*.a", "*.lib", "_tkinter*", "_test*", "xxlimited*", "_ctypes_test*"),
    *("tcl86*", "tk86*", "lib-dynload", "msilib", "__phello__*"),
)
LIBRARIES: Final = ("vcruntime140.dll", "vcruntime140_1.dll", "python3.dll")
_VERSION: Final = re.compile(r'^#define PY_VERSION\s+"(\d+)\.(\d+)\.(\d+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Runtime:
    """A prefix whose digest is what was asked."""

    root: Path
    target: Target
    version: tuple[int, int, int]

    @property
    def dotted(self) -> str:
        """``3.11``."""
        return f"{self.version[0]}.{self.version[1]}"

    @property
    def headers(self) -> Path:
        """Where Python.h is."""
        if self.target.system == WINDOWS:
            return self.root / "include"
        return self.root / "include" / f"python{self.dotted}"

    @property
    def interpreter(self) -> tuple[Path, str]:
        """The Python library, and what it is called in the package."""
        if self.target.system == WINDOWS:
            name = f"python{self.version[0]}{self.version[1]}.dll"
            return self.root / name, name
        name = f"libpython{self.dotted}." + ("dylib" if self.target.system == "macos" else "so")
        found = self.root / "lib" / name
        return found.resolve(), name

    @property
    def standard(self) -> Path:
        """Where the standard library is."""
        if self.target.system == WINDOWS:
            return self.root / "Lib"
        return self.root / "lib" / f"python{self.dotted}"

    @property
    def dynamic(self) -> Path:
        """Where its modules in machine code are."""
        windows = self.target.system == WINDOWS
        return self.root / "DLLs" if windows else self.standard / "lib-dynload"


def files_of(root: Path) -> Iterator[Path]:
    """Every file and link below a folder, in one order; no link is followed.

    Raises:
        FrozenError: something else is there, or more than a runtime has.
    """
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        found += [Path(folder, name) for name in names]
        found += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        if len(found) > MAX_FILES:
            raise FrozenError(f"{root}: more than {MAX_FILES} files; that is no runtime")
    for path in sorted(found, key=lambda one: one.relative_to(root).as_posix()):
        if not path.is_symlink() and not path.is_file():
            raise FrozenError(f"{path}: neither a file nor a link; unpack the runtime again")
        yield path


def digest(root: Path) -> str:
    """The digest of a tree, as hexadecimal digits (docs/spec/frozen.md §3).

    Raises:
        FrozenError: it holds what a runtime does not.
    """
    whole = hashlib.sha256()
    for path in files_of(root):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            kind, content = "link", hashlib.sha256(os.fsencode(path.readlink())).hexdigest()
        else:
            kind = "program" if path.stat().st_mode & 0o100 else "file"
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{kind} {content} {name}\n".encode())
    return whole.hexdigest()


def open_runtime(root: Path, target: Target, sha256: str) -> Runtime:
    """The runtime in a folder, which is the one that was asked.

    Raises:
        FrozenError: it is another one, or none.
    """
    if not root.is_dir():
        raise FrozenError(f"{root}: no folder; unpack the runtime there")
    found = digest(root)
    if found != sha256:
        raise FrozenError(f"{root}: its digest is {found}, and not the pinned {sha256}")
    runtime = Runtime(root, target, (0, 0, 0))
    places = [root / "include" / "patchlevel.h", *root.glob("include/python3.*/patchlevel.h")]
    for place in places:
        match = _VERSION.search(place.read_text()) if place.is_file() else None
        if match is not None:
            major, minor, micro = (int(part) for part in match.groups())
            runtime = Runtime(root, target, (major, minor, micro))
    for path in (runtime.headers / "Python.h", runtime.interpreter[0], runtime.standard / "os.py"):
        if not path.is_file():
            raise FrozenError(f"{path}: not there; a runtime has it (docs/spec/frozen.md §3)")
    return runtime


def is_unused(path: Path) -> bool:
    """Whether a part of this relative path is one that no device needs."""
    return any(fnmatch(part, pattern) for part in path.parts for pattern in UNUSED)


def take(runtime: Runtime, tree: Path) -> None:
    """Copy what a device needs of the runtime to where the package has it."""
    layout = runtime.target.layout
    pairs = [(runtime.standard, layout.standard), (runtime.dynamic, layout.dynamic)]
    for source, place in pairs:
        for path in files_of(source):
            relative = path.relative_to(source)
            if not is_unused(relative):
                copy(path, tree / place / relative)
    source, name = runtime.interpreter
    copy(source, tree / layout.libraries / name)
    if runtime.target.system == WINDOWS:
        for one in LIBRARIES:
            if (runtime.root / one).is_file():
                copy(runtime.root / one, tree / layout.libraries / one)


def copy(source: Path, target: Path) -> None:
    """Copy one file, links followed, with the rights that everything in a package has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o644)
