# SPDX-License-Identifier: EUPL-1.2
"""What Python has on Linux or macOS and not on Windows, by the stubs that mypy comes with.

Python's documentation says the same as "Availability: Unix"; the stubs can be read by a program.
"""

import ast
from functools import cache
from pathlib import Path

import mypy

STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
LOOKED_AT = ("mmap", "os", "select", "signal", "socket", "time")
# whole modules, by the same documentation
MODULES = ("crypt", "curses", "fcntl", "grp", "nis", "posix", "pty", "pwd", "readline", "resource")
MODULES += ("spwd", "syslog", "termios", "tty")
VERSION = (3, 11)


@cache
def missing(module):
    """The names of a module that Windows lacks."""
    tree = ast.parse(_stub(module).read_bytes())
    there = _names(tree.body, "linux") | _names(tree.body, "darwin")
    return frozenset(name for name in there - _names(tree.body, "win32") if name[:1] != "_")


def _stub(module):
    plain = STUBS / f"{module}.pyi"
    return plain if plain.exists() else STUBS / module / "__init__.pyi"


def _names(body, platform):
    found = set()
    for node in body:
        if isinstance(node, ast.If):
            found |= _names(node.body if _holds(node.test, platform) else node.orelse, platform)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            found.update(one.asname or one.name for one in node.names)
    return found


def _holds(test, platform):
    if isinstance(test, ast.BoolOp):
        every = all if isinstance(test.op, ast.And) else any
        return every(_holds(one, platform) for one in test.values)
    if isinstance(test, ast.UnaryOp):
        return not _holds(test.operand, platform)
    source = ast.unparse(test)
    return bool(eval(source, {"sys": _Sys(platform), "TYPE_CHECKING": True}))  # a stub's own test


class _Sys:
    version_info = VERSION

    def __init__(self, platform):
        self.platform = platform
