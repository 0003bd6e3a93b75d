# SPDX-License-Identifier: EUPL-1.2
"""Makes gettext's ``.mo`` files of the ``.po`` files beside them, when a package is built.

    python hatch_build.py        makes them in this checkout

Neither ``msgfmt`` nor Babel is needed for that. docs/adr/0018-interface-text-through-gettext.md
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path
from typing import Any

PLACES = "*/lakzegel_*/locale/*/LC_MESSAGES/*.po"
MAGIC = 0x950412DE
KEYWORDS = ("msgid", "msgstr")


def entries(text: str) -> dict[str, str]:
    """What a ``.po`` file says: the msgstr of each msgid.

    Raises:
        ValueError: something else than comments, msgid and msgstr, or one of them twice.
    """
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        fields = _fields(block)
        if not fields:
            continue
        if set(fields) != set(KEYWORDS) or fields["msgid"] in found:
            raise ValueError(f"not whole, or twice: {fields}")
        found[fields["msgid"]] = fields["msgstr"]
    return found


def _fields(block: str) -> dict[str, str]:
    """The parts of one entry, by keyword."""
    fields: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        quoted = line
        if not line.startswith('"'):
            name, _, quoted = line.partition(" ")
            if name not in KEYWORDS or name in fields:
                raise ValueError(f"not understood: {name!r}")
            fields[name] = ""
        fields[name] += str(ast.literal_eval(quoted))
    return fields


def compiled(found: dict[str, str]) -> bytes:
    """The ``.mo`` file, by gettext's manual: two sorted tables, then the texts."""
    rows = sorted((key.encode(), value.encode()) for key, value in found.items() if value)
    at = 28 + 16 * len(rows)
    tables, texts = [b"", b""], b""
    for column in (0, 1):
        for row in rows:
            tables[column] += struct.pack("<II", len(row[column]), at + len(texts))
            texts += row[column] + b"\0"
    sizes = (MAGIC, 0, len(rows), 28, 28 + 8 * len(rows), 0, 28)
    return struct.pack("<7I", *sizes) + b"".join(tables) + texts


def make(root: Path) -> None:
    """Write each ``.mo`` that is not what its ``.po`` says."""
    for source in sorted(root.glob(PLACES)):
        data = compiled(entries(source.read_text(encoding="utf-8")))
        target = source.with_suffix(".mo")
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # a checkout without what builds wheels
    pass
else:

    class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
        """What hatchling calls."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Before a wheel is put together, or a checkout is installed."""
            del version, build_data
            make(Path(self.root))


if __name__ == "__main__":
    make(Path(__file__).parent)
