# SPDX-License-Identifier: EUPL-1.2
"""One product after the other: environment, units and papers into a root, and packages of it."""

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_linux import environment, launchers, packager, sbom, staging, sums
from lakzegel_linux.environment import PYTHON, Environment, Wheel
from lakzegel_linux.errors import PackagingError
from lakzegel_linux.products import Product

KINDS: Final = ("deb", "rpm")
OURS: Final = ("lakzegel-", sums.NAME)  # how everything begins that a making leaves


@dataclass(frozen=True, slots=True)
class Tree:
    """The checkout that packages are made of, and what names them."""

    root: Path
    work: Path  # emptied before and left behind
    out: Path
    release: str
    moment: int  # seconds since 1970: the commit's

    @property
    def version(self) -> str:
        """The project's version."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text())
        return str(project["project"]["version"])

    @property
    def made(self) -> datetime:
        """The moment, as people write it."""
        return datetime.fromtimestamp(self.moment, UTC)


def build_wheel(tree: Tree) -> Path:
    """Our wheel, made in ``tree.out``.

    Raises:
        PackagingError: hatchling could not.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tree.out],
        cwd=tree.root,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(tree.moment)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"hatchling: {done.stderr.strip().rpartition(chr(10))[2]}")
    (wheel,) = tree.out.glob(f"lakzegel-{tree.version}-*.whl")
    return wheel


def stage(tree: Tree, product: Product, wheel: Path) -> Environment:
    """A root with the product's environment, from its lock."""
    root = tree.work / product.name
    made = environment.make_skeleton(root, product.home)
    wheels = environment.install(
        tree.root / "requirements" / f"{product.lock}.txt",
        made.packages,
        tree.work / f"{product.name}.report.json",
    )
    return finish(tree, product, wheel, Environment(root, product.home, wheels))


def finish(tree: Tree, product: Product, wheel: Path, made: Environment) -> Environment:
    """Our rooms added to what others wrote, trimmed, compiled; units and papers beside it."""
    environment.add_rooms(wheel, product.rooms, made.packages)
    environment.trim(made.packages)
    environment.strip(made.packages)
    compile_apart(made)
    environment.name_version(made, f"{tree.version}-{tree.release}")
    for command, module in product.commands:
        launchers.write(made.root, product.home, command, module)
    staging.place_units(tree.root / "systemd", made.root, product)
    staging.write_preset(made.root, product)
    _write_papers(tree, product, made.root, made.wheels, sbom.licences(made.packages))
    staging.settle(made.root, tree.moment)
    return made


def _write_papers(
    tree: Tree, product: Product, root: Path, wheels: tuple[Wheel, ...], terms: dict[str, str]
) -> None:
    """The bill of materials, in the package and beside it, and the licences."""
    version = f"{tree.version}-{tree.release}"
    bill = sbom.bill(product, version, wheels, terms, tree.made)
    (tree.out / f"{product.name}-{version}.cdx.json").write_text(bill)
    staging.write_papers(
        root, product, version=version, wheels=wheels, terms=terms, bill=bill, made=tree.made
    )


def compile_apart(made: Environment) -> None:
    """Compile the environment in a process of its own.

    Raises:
        PackagingError: a module cannot be compiled by this Python.
    """
    place = f"{made.home}/lib/{PYTHON}/site-packages"
    script = Path(__file__).with_name("bytecode.py")
    done = subprocess.run(
        [sys.executable, "-s", "-P", "-S", os.fspath(script), os.fspath(made.packages), place],
        env={"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackagingError(f"compiling: {done.stderr.strip().rpartition(chr(10))[2]}")


def build(tree: Tree, product: Product, wheel: Path) -> list[Path]:
    """The product's packages, made in ``tree.out``."""
    root = stage(tree, product, wheel).root
    return [pack(tree, product, root, kind) for kind in KINDS]


def pack(tree: Tree, product: Product, root: Path, kind: str) -> Path:
    """One package of a staged root."""
    return packager.make(
        root,
        product,
        kind,
        tree.out,
        version=tree.version,
        release=tree.release,
        moment=tree.moment,
        machine=platform.machine(),
    )


def clean(tree: Tree) -> None:
    """Make room: nothing of an earlier making gets into this one.

    Raises:
        PackagingError: there is something else than an earlier making.
    """
    for folder in (tree.work, tree.out):
        if folder.exists():
            if not all(path.name.startswith(OURS) for path in folder.iterdir()):
                raise PackagingError(f"{folder}: holds other things too; name another folder")
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
