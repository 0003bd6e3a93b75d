# SPDX-License-Identifier: EUPL-1.2
"""Finds every text in the agent's code that may be shown to a person, by where it stands.

An f-string becomes a text with ``«0»``, ``«1»`` … where it has a hole; a constant of the module
that fills one is put there.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

import lakzegel_agent

ROOM = Path(lakzegel_agent.__file__).parent
INSIDE = {"readers", "sealing", "stores"}  # what goes wrong there is a slug, and counted
SLUGS = {"StoreError", "MissedError"}
NOT_SHOWN = {  # caught where it is raised for
    *("ChangedError", "TimeoutError", "ValueError", "PermissionError", "SystemExit"),
    "NotUnderstoodError",  # of a helper: told to nobody
    *("FormatError", "LimitError"),  # the core's: exact text in English, `of_error` says the rest
}
SHOWN_BY = {"Finding", "Access", "Found", "Problem", "said", "in_a_line"}
TELLS = {"transport.py"}  # functions that return a part of an error
HELD = {"text", "detail", "then", "why", "_NEXT", "_ENROL", "_FULL_ACCESS"}  # names of it


@dataclass(frozen=True)
class Text:
    place: str
    text: str
    exact: bool  # looked up as it is; else by its shape


def texts():
    """Every text, with the place where it stands."""
    for path in sorted(ROOM.rglob("*.py")):
        tree = ast.parse(path.read_text())
        yield from _Module(path, tree).texts()


class _Module:
    def __init__(self, path, tree):
        self.name = str(path.relative_to(ROOM))
        self.inside = path.parent.name in INSIDE
        self.tree = tree
        self.constants = dict(self._constants())

    def _constants(self):
        for node in self.tree.body:
            target = node.target if isinstance(node, ast.AnnAssign) else None
            target = node.targets[0] if isinstance(node, ast.Assign) else target
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant):
                yield target.id, node.value.value

    def texts(self):
        for node in ast.walk(self.tree):
            for value, exact in self._shown(node):
                for text in self._read(value):
                    if any(c.isalpha() for c in text):
                        yield Text(f"{self.name}:{node.lineno}", text, exact)

    def _shown(self, node):
        if isinstance(node, ast.Call):
            yield from self._made(node) if _name(node).endswith("Error") else self._called(node)
        elif isinstance(node, ast.Return) and self.name in TELLS:
            yield node.value, False
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not self.inside:
            yield from self._assigned(node)

    def _made(self, call):
        if self.inside or _name(call) in SLUGS | NOT_SHOWN:
            return
        yield from ((argument, False) for argument in call.args)

    def _called(self, call):
        name = _name(call)
        keywords = {k.arg: k.value for k in call.keywords}
        if name in {"_", "_row"}:
            yield from ((a, True) for a in call.args if name == "_")
        elif name in SHOWN_BY or (name == "add" and len(call.args) == 3):
            yield from ((a, False) for a in call.args[-1:] if name == "add")
            if name != "add":
                yield from ((a, name == "Finding") for a in call.args)
                wanted = {"detail", "next"}
                yield from ((v, False) for k, v in keywords.items() if k in wanted)
        elif name in {"add_argument", "command", "Grammar"}:
            wanted = {"help", "text", "more", "description"}
            yield from ((v, True) for k, v in keywords.items() if k in wanted)

    def _assigned(self, node):
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        if not isinstance(target, ast.Name):
            return
        if target.id == "NEXT":
            yield from ((value, True) for value in node.value.values)
        elif target.id == "REFUSALS":
            yield from ((pair.elts[1], True) for pair in node.value.elts)
        elif target.id in {*HELD, "_MORE"}:
            yield node.value, target.id == "_MORE"

    def _read(self, node):
        """The texts that an expression may give."""
        if isinstance(node, ast.IfExp):
            yield from (*self._read(node.body), *self._read(node.orelse))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = list(self._read(node.left)), list(self._read(node.right))
            yield from (a + b for a in left for b in right)
        elif isinstance(node, ast.Name) and isinstance(self.constants.get(node.id), str):
            yield self.constants[node.id]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield self._joined(node)

    def _joined(self, node):
        found = ""
        for number, part in enumerate(node.values):
            if isinstance(part, ast.Constant):
                found += part.value
            elif isinstance(part.value, ast.Name) and part.value.id in self.constants:
                found += str(self.constants[part.value.id])
            else:
                found += f"«{number}»"
        return found


def _name(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
