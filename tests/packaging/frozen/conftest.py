# SPDX-License-Identifier: EUPL-1.2
"""The agent with a Python of its own, made of the Python that runs the tests."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lakzegel_frozen import launchers, runtime, targets

ROOT = Path(__file__).resolve().parents[3]
TARGET = targets.TARGETS["linux-x86_64"]


@pytest.fixture(scope="session")
def checkout():
    return ROOT


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """A runtime as an input: the running Python's prefix, without what no package takes."""
    dotted = f"{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(sysconfig.get_config_var("LIBDIR"), f"libpython{dotted}.so")
    headers = Path(sysconfig.get_path("include"))
    if os.geteuid() != 0:
        pytest.skip("the program starts from root's folders alone")
    if not library.is_file() or not (headers / "Python.h").is_file() or not shutil.which("cc"):
        pytest.skip("no shared libpython with its headers, or no cc")
    folder = tmp_path_factory.mktemp("prefix")
    taken = {"lib-dynload"}
    leave = shutil.ignore_patterns(*(one for one in runtime.UNUSED if one not in taken))
    standard = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(standard, folder / f"lib/python{dotted}", ignore=leave)
    shutil.copytree(headers, folder / f"include/python{dotted}")
    shutil.copyfile(library.resolve(), folder / f"lib/libpython{dotted}.so.1.0")
    (folder / f"lib/libpython{dotted}.so").symlink_to(f"libpython{dotted}.so.1.0")
    return folder


@pytest.fixture(scope="session")
def opened(prefix):
    return runtime.open_runtime(prefix, TARGET, runtime.digest(prefix))


@pytest.fixture(scope="session")
def tree(opened, tmp_path_factory):
    """A whole tree, but for bytecode; what is installed here stands for what pip would bring."""
    root = tmp_path_factory.mktemp("tree") / "agent"
    runtime.take(opened, root)
    into = root / TARGET.layout.packages
    for name in sorted(closure("lakzegel", "agent")):
        link_files(name, into, "")
    link_files("lakzegel", into, ".dist-info")  # our own version is asked for
    for room, folder in (("lakzegel_core", "core"), ("lakzegel_agent", "agent")):
        shutil.copytree(ROOT / folder / room, into / room, copy_function=link)
    for place, source in (("lib", sysconfig.get_path("stdlib")), ("site-packages", None)):
        use_bytecode(root / "lib/runtime" / place, Path(source or sysconfig.get_path("purelib")))
    for room, folder in (("lakzegel_core", "core"), ("lakzegel_agent", "agent")):
        use_bytecode(into / room, ROOT / folder / room)
    launchers.build(opened, root, ["cc"])
    return root


def use_bytecode(folder, origin):
    """Put there what was compiled at the origin, without its times; a compiler takes seconds."""
    for path in folder.rglob("*.py"):
        source = origin / path.relative_to(folder)
        beside = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        for cached in (Path(cache_from_source(str(source))), beside):
            if cached.is_file() and cached.stat().st_mtime > source.stat().st_mtime:
                unchecked = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)  # PEP 552
                path.with_suffix(".pyc").write_bytes(unchecked + cached.read_bytes()[16:])
                path.unlink()
                break


def link(source, target):
    """A link to the file, which is all that a test of the program needs."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).symlink_to(source)


def link_files(name, into, ending):
    """What a distribution installed, in folders of this ending."""
    for file in distribution(name).files or ():
        if file.parts[0] not in ("..", "/") and file.parts[0].endswith(ending):
            link(Path(file.locate()), into / file)


def closure(name, extra):
    """What a distribution needs, with what that needs, without itself."""
    found, asked = set(), [(name, extra)]
    while asked:
        one, wanted = asked.pop()
        for text in distribution(one).requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if needed.name not in found and (marker is None or marker.evaluate({"extra": wanted})):
                found.add(needed.name)
                asked.append((needed.name, ""))
    return found


@pytest.fixture
def run(tree):
    """Run one of the two programs; what it answers."""

    def start(*arguments, program="lakzegel-agent", root=tree, **more):
        return subprocess.run(
            [root / "bin" / program, *arguments],
            capture_output=True,
            check=False,
            timeout=60,
            **{"stdin": subprocess.DEVNULL, "text": True, **more},
        )

    return start
