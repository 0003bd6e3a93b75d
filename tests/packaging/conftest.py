# SPDX-License-Identifier: EUPL-1.2
"""Small packages: made as the real ones are, of an environment that is already here."""

import dataclasses
import os
import shutil
from importlib.metadata import distribution
from pathlib import Path

import pytest

from lakzegel_linux import build, environment, products, sums

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


def made_in(folder, release="1"):
    """Packages of a small agent, made in ``folder/out``, and its environment."""
    tree = build.Tree(ROOT, folder / "work", folder / "out", release, MOMENT)
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
    return tree, whole


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    return made_in(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def again(tmp_path_factory):
    """The same once more, elsewhere, by somebody whose files nobody else may read."""
    before = os.umask(0o077)
    try:
        return made_in(tmp_path_factory.mktemp("elsewhere"))
    finally:
        os.umask(before)


@pytest.fixture(scope="session")
def newer(small, tmp_path_factory):
    """A package with a higher number, of the same environment."""
    tree, whole = small
    out = tmp_path_factory.mktemp("newer")
    later = dataclasses.replace(tree, out=out, release="2")
    shutil.rmtree(tree.work / f"{AGENT.name}-deb")
    return build.pack(later, AGENT, whole.root, "deb")


def needs(*programs):
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        pytest.skip(f"not here: {', '.join(absent)}")
