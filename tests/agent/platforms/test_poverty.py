# SPDX-License-Identifier: EUPL-1.2
"""What runs on a device uses nothing that Windows lacks, but in one module (docs/adr/0035)."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.platforms.poverty import LOOKED_AT, MODULES, missing

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("core", "agent", "verify")
WORD = re.compile(rb"[A-Za-z_]\w+")
ALLOWED = {ROOT / "agent/lakzegel_agent/platforms/posix.py"}


def test_what_windows_lacks_is_known():
    assert {"O_NOFOLLOW", "O_CLOEXEC", "getuid", "fork", "pread", "killpg"} <= missing("os")
    assert {"O_BINARY", "O_APPEND", "fsync", "replace", "getpid"}.isdisjoint(missing("os"))
    assert {"SIGHUP", "SIGKILL", "alarm"} <= missing("signal")
    assert "AF_UNIX" in missing("socket")
    assert "clock_gettime" in missing("time")


def test_every_module_can_be_imported_where_windows_names_alone_are_there():
    asked = {"modules": MODULES, "names": {one: sorted(missing(one)) for one in LOOKED_AT}}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("bare.py"), *(ROOT / room for room in ROOMS)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 300


def test_only_the_module_of_posix_uses_what_windows_lacks():
    names = {name.encode() for one in LOOKED_AT for name in missing(one)}
    names.update(name.encode() for name in MODULES)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if path not in ALLOWED and not names.isdisjoint(WORD.findall(path.read_bytes()))
        for line, name in used(ast.parse(path.read_bytes()))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import fcntl", "fcntl"),
        ("def f():\n import pwd", "pwd"),
        ("import os\nos.getuid()", "os.getuid"),
        ("import os\nX = os.O_NOFOLLOW", "os.O_NOFOLLOW"),
        ("from os import fork", "os.fork"),
        ("import signal as s\ns.SIGKILL", "signal.SIGKILL"),
        ("import os\nif hasattr(os, 'fork'):\n os.fork()", "os.fork"),
    ],
)
def test_a_name_that_windows_lacks_is_seen(source, name):
    assert [found for _, found in used(ast.parse(source))] == [name]


def used(tree):
    """Line and name of what Windows lacks."""
    nodes, known = list(ast.walk(tree)), {}
    for node in nodes:
        if isinstance(node, ast.Import):
            known.update((one.asname or one.name, one.name) for one in node.names)
            yield from ((node.lineno, one.name) for one in node.names if one.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from _of(node, [""] if node.module in MODULES else [], node.module)
            yield from _of(node, [one.name for one in node.names], node.module)
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from _of(node, [node.attr], known.get(node.value.id))


def _of(node, names, module):
    for name in names:
        if not name or (module in LOOKED_AT and name in missing(module)):
            yield node.lineno, f"{module}.{name}".rstrip(".")
