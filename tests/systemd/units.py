# SPDX-License-Identifier: EUPL-1.2
"""The units of systemd/, read as systemd reads them: keys that come again add up."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "systemd"
SYSTEM = sorted(p for p in FOLDER.iterdir() if p.is_file())
USER = sorted((FOLDER / "user").glob("*.*"))
SERVICES = [p for p in SYSTEM if p.suffix == ".service"]
EXAMPLES = sorted((FOLDER / "examples").glob("*.conf"))
OPEN = "# open: "
NAMES = re.compile(r", (?=[A-Z])")


def settings(path):
    """All values of each key, in order; an empty one forgets those before it."""
    found = {}
    for line in path.read_text().splitlines():
        key, equals, value = line.partition("=")
        if line.startswith(("#", "[", ";")) or not equals:
            continue
        found[key] = [*found.get(key, []), value] if value else []
    return found


def one(path, key):
    """The only value of a key, None where it is not there."""
    values = settings(path).get(key, [])
    assert len(values) < 2, (path, key)
    return values[0] if values else None


def commands(path):
    """The words of each program that a unit starts."""
    found = settings(path)
    keys = [key for key in found if key.startswith("Exec") and not key.endswith("Paths")]
    return [shlex.split(line.lstrip("@-:+!")) for key in keys for line in found[key]]


def left_open(path):
    """What a unit says that it leaves open, with why, a row each."""
    lines = [line for line in path.read_text().splitlines() if line.startswith(OPEN)]
    rows = [line.removeprefix(OPEN).split(" | ", 1) for line in lines]
    return [(NAMES.split(names), why) for names, why in rows]
