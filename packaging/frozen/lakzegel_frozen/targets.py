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

ENVIRONMENTS: Final = MappingProxyType(
    {
        LINUX: {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
        MACOS: {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
        WINDOWS: {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
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
    def environment(self) -> dict[str, str]:
        """What a requirement's marker asks of that system."""
        return dict(ENVIRONMENTS[self.system])

    @property
    def layout(self) -> Layout:
        """Where things lie in its tree."""
        return LAYOUTS[self.system]


# macOS 11 is the first on arm64. For Macs with an Intel processor there is no wheel of cryptography
# 49 or newer, and building one needs a Mac.
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
            Target(
                name="macos-arm64",
                system=MACOS,
                compiler="aarch64-macos.11.0",
                wheels=("macosx_11_0_arm64", "macosx_11_0_universal2", "macosx_10_9_universal2"),
                processor="arm64",
            ),
            Target("windows-x86_64", WINDOWS, "x86_64-windows-gnu", ("win_amd64",), "x64"),
        )
    }
)
