# SPDX-License-Identifier: EUPL-1.2
"""Small packages: made as the real ones are, of an environment that is already here."""

import dataclasses
import fcntl
import os
import shutil
from importlib.metadata import distribution
from pathlib import Path

import pytest

from lakzegel_linux import build, environment, products, staging, sums

ROOT = Path(__file__).resolve().parents[2]
MOMENT = 1_790_000_000
DISTRIBUTIONS = ("idna", "psutil", "typing-extensions")  # small, one with a library of C
AGENT = dataclasses.replace(products.PRODUCTS[0], rooms=("lakzegel_core",))


def wheel_of(name):
    found = distribution(name)
    file = f"{name}-{found.version}-py3-none-any.whl"
    return environment.Wheel(found.metadata["Name"], found.version, file, "a" * 64)


def copy_distribution(name, target):
    found = distribution(name)
    for entry in found.files:
        if ".." not in entry.parts and "__pycache__" not in entry.parts:
            (target / entry).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found.locate_file(entry), target / entry)


def made_in(folder):
    """Packages of a small agent, made in ``folder/out``, and its environment."""
    tree = build.Tree(ROOT, folder / "work", folder / "out", "1", MOMENT)
    build.clean(tree)
    wheel = build.build_wheel(tree)
    bare = environment.make_skeleton(tree.work / AGENT.name, AGENT.home)
    for name in DISTRIBUTIONS:
        copy_distribution(name, bare.packages)
    whole = dataclasses.replace(bare, wheels=tuple(map(wheel_of, DISTRIBUTIONS)))
    build.finish(tree, AGENT, wheel, whole)
    for kind in build.KINDS:
        build.pack(tree, AGENT, whole.root, kind)
    sums.write(tree.out)


def once(tmp_path_factory, name, make):
    """A folder that ``make`` filled, once for all processes of a run."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


def found_in(folder):
    """The tree and the environment of packages that are there."""
    tree = build.Tree(ROOT, folder / "work", folder / "out", "1", MOMENT)
    return tree, environment.Environment(tree.work / AGENT.name, AGENT.home, ())


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return found_in(once(tmp_path_factory, "packages", made_in))


@pytest.fixture(scope="session")
def again(tmp_path_factory):
    """The same once more, elsewhere, by somebody whose files nobody else may read."""
    before = os.umask(0o077)
    try:
        return found_in(once(tmp_path_factory, "elsewhere", made_in))
    finally:
        os.umask(before)


@pytest.fixture(scope="session")
def newer(small, tmp_path_factory):
    """A package with a higher number, of the same environment."""
    tree, whole = small

    def make(folder):
        later = dataclasses.replace(tree, out=folder / "out", release="2")
        build.pack(later, AGENT, whole.root, "deb")

    (made,) = (once(tmp_path_factory, "newer", make) / "out").iterdir()
    return made


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Every package, of this checkout; and those of the same with a higher number."""
    folder = tmp_path_factory.mktemp("real")
    tree = build.Tree(ROOT, folder / "work", folder / "out", "1", MOMENT)
    build.clean(tree)
    wheel = build.build_wheel(tree)
    for product in products.PRODUCTS:
        build.build(tree, product, wheel)
    sums.write(tree.out)
    later = dataclasses.replace(tree, out=folder / "later", release="2")
    for product in products.PRODUCTS:
        staged = environment.Environment(tree.work / product.name, product.home, ())
        environment.name_version(staged, "0.1.0-2")
        staging.settle(staged.root, MOMENT)
        for kind in build.KINDS:
            build.pack(later, product, tree.work / product.name, kind)
    return tree, later


def needs(*programs):
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        pytest.skip(f"not here: {', '.join(absent)}")
