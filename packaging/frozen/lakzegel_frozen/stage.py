# SPDX-License-Identifier: EUPL-1.2
"""Puts the tree of one target together, from a runtime, wheels, our rooms and the launcher."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lakzegel_frozen import bytecode, flatpackage, launchers, packages
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import CHECKOUT, EPOCH, version
from lakzegel_frozen.runtime import Runtime, take
from lakzegel_frozen.targets import MACOS


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree, ready to be packed, and the distributions in it."""

    root: Path
    runtime: Runtime
    wheels: tuple[packages.Wheel, ...]


def stage(runtime: Runtime, root: Path, compiler: Sequence[str], lock: Path) -> Tree:
    """The whole tree.

    Raises:
        FrozenError: a step failed; what there is of the tree is of no use.
    """
    own = sys.version_info[:3]
    if own[:2] != runtime.version[:2]:
        raise FrozenError(
            f"this is Python {own[0]}.{own[1]} and the runtime {runtime.dotted}: their bytecode "
            "differs; run this with the runtime's version"
        )
    root.mkdir(parents=True)
    take(runtime, root)
    into = root / runtime.target.layout.packages
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        wheels = packages.install(runtime.target, runtime.dotted, work / "site", lock)
        packages.copy_packages(work / "site", into)
        packages.unpack_rooms(packages.own_wheel(work / "own", CHECKOUT), into)
    compile_tree(root)
    launchers.build(runtime, root, compiler)
    if runtime.target.system == MACOS:
        (root / "Contents/Info.plist").write_bytes(flatpackage.information(version()))
    settle(root)
    return Tree(root, runtime, wheels)


def compile_tree(root: Path) -> None:
    """Have the modules compiled, by an interpreter that has done nothing else."""
    done = subprocess.run(
        [sys.executable, "-I", bytecode.__file__, root],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise FrozenError(f"modules do not compile: {done.stderr.strip().splitlines()[-1]}")


def settle(root: Path) -> None:
    """Give everything in a tree the one time, and the rights that it has on a device."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, (EPOCH, EPOCH))
        Path(folder).chmod(0o755)
        os.utime(folder, (EPOCH, EPOCH))
