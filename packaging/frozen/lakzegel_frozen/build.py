# SPDX-License-Identifier: EUPL-1.2
"""From inputs to what is handed out: a tree, its package, what is inside, and their sums."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lakzegel_frozen import bill, flatpackage, launchers, msi, stage
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import NAME, version
from lakzegel_frozen.runtime import open_runtime
from lakzegel_frozen.targets import MACOS, WINDOWS, Target

NAMED: Final = NAME.replace(" ", "-")
Packer = Callable[[Path, Target, Path], Path]


@dataclass(frozen=True, slots=True)
class Order:
    """What to make, of what, and where to."""

    target: Target
    runtime: Path
    sha256: str
    compiler: str | None
    lock: Path
    out: Path


def package(order: Order) -> list[Path]:
    """What was made.

    Raises:
        FrozenError: an input is not what it must be, or a step failed.
    """
    runtime = open_runtime(order.runtime, order.target, order.sha256)
    root = order.out / place(order.target)
    if root.exists():
        shutil.rmtree(root)
    tree = stage.stage(runtime, root, launchers.compilers(runtime, order.compiler), order.lock)
    inside = order.out / f"{stem(order.target)}.cdx.json"
    inside.write_text(bill.of(tree, order.sha256), encoding="utf-8")
    made = [inside]
    if order.target.system in PACKERS:
        made.append(pack(root, order.target, order.out))
    sums = order.out / f"{stem(order.target)}.sha256"
    sums.write_text("".join(f"{_sha256(path)}  {path.name}\n" for path in made), encoding="ascii")
    return [root, *made, sums]


def pack(tree: Path, target: Target, out: Path) -> Path:
    """The package of a tree that is ready.

    Raises:
        FrozenError: there is no package for that system, or something is missing in the tree.
    """
    if target.system not in PACKERS:
        raise FrozenError(f"{target.name}: a tree is all that is made for it")
    return PACKERS[target.system](tree, target, out)


def place(target: Target) -> str:
    """What a tree is called where packages are made."""
    return f"{target.name}/{NAME}.app" if target.system == MACOS else target.name


def stem(target: Target) -> str:
    """What is told of a package is called so, without its ending."""
    return f"{NAMED}-{version()}-{target.name}"


def _macos(tree: Path, target: Target, out: Path) -> Path:
    made = out / f"{NAMED}-{version()}.pkg"
    made.write_bytes(flatpackage.pack(tree, target, version(), flatpackage.Parts()))
    return made


def _windows(tree: Path, target: Target, out: Path) -> Path:
    del target
    return msi.pack(tree, version(), out / f"{NAMED}-{version()}.msi")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


PACKERS: Final = MappingProxyType({MACOS: _macos, WINDOWS: _windows})
