# SPDX-License-Identifier: EUPL-1.2
"""The systems that a package is made for, and where things lie in its tree.

docs/spec/frozen.md §1. Paths are relative to the root of the tree: the installation folder on
Windows, the bundle ``Lakzegel Agent.app`` on macOS, a folder of any name on Linux.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

LINUX: Final = "linux"
MACOS: Final = "macos"
WINDOWS: Final = "windows"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one system has the programs, Python's libraries, and its modules."""

    programs: str
    ending: str  # of a program's name
    libraries: str
    standard: str  # modules
    dynamic: str  # modules in machine code
    packages: str  # others' modules and ours


LAYOUTS: Final = MappingProxyType(
    {
        LINUX: Layout(
            programs="bin",
            ending="",
            libraries="lib",
            standard="lib/runtime/lib",
            dynamic="lib/runtime/lib-dynload",
            packages="lib/runtime/site-packages",
        ),
        MACOS: Layout(
            programs="Contents/MacOS",
            ending="",
            libraries="Contents/Frameworks",
            standard="Contents/Resources/runtime/lib",
            dynamic="Contents/Resources/runtime/lib-dynload",
            packages="Contents/Resources/runtime/site-packages",
        ),
        WINDOWS: Layout(
            programs=".",
            ending=".exe",
            libraries=".",
            standard="runtime/Lib",
            dynamic="runtime/DLLs",
            packages="runtime/site-packages",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """One system on one kind of processor."""

    name: str
    system: str
    compiler: str  # what `zig cc -target` calls it
    wheels: tuple[str, ...]  # pip's names of the platforms whose wheels run there
    processor: str  # as the package's own format names it

    @property
    def layout(self) -> Layout:
        """Where things lie in its tree."""
        return LAYOUTS[self.system]


def _macos(processor: str, wheels: tuple[str, ...], compiler: str) -> Target:
    return Target(f"macos-{processor}", MACOS, compiler, wheels, processor)


# macOS 11 is the first on arm64, and what the wheels of our dependencies ask for
TARGETS: Final = MappingProxyType(
    {
        target.name: target
        for target in (
            Target(
                name="linux-x86_64",
                system=LINUX,
                compiler="x86_64-linux-gnu.2.28",
                wheels=("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
                processor="x86_64",
            ),
            _macos(
                "arm64",
                ("macosx_11_0_arm64", "macosx_11_0_universal2", "macosx_10_9_universal2"),
                "aarch64-macos.11.0",
            ),
            _macos(
                "x86_64",
                ("macosx_11_0_x86_64", "macosx_10_12_x86_64", "macosx_10_9_universal2"),
                "x86_64-macos.11.0",
            ),
            Target("windows-x86_64", WINDOWS, "x86_64-windows-gnu", ("win_amd64",), "x64"),
        )
    }
)
