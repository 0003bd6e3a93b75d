# SPDX-License-Identifier: EUPL-1.2
"""One bit of any file that a real custody left, at the office or at the receiver, is noticed.

Exceptions stand in docs/spec/storage.md and mirror.md: bytes inside index.sqlite that no row and
no page of it uses. So for that file: named, or every table is as it was.
"""

import os
import random
import sqlite3

import pytest

from lakzegel_office.__main__ import main as office
from lakzegel_server.__main__ import main as receiver

EACH = 6  # places a file, besides its first and its last byte


@pytest.fixture
def settled(ready):
    """A custody at rest, with batches of several kinds in mirror and DATA."""
    folder = ready.sources["map"][1]
    chance = random.Random(11)
    for number in range(12):
        (folder / f"stuk {number}.bin").write_bytes(chance.randbytes(9_000))
    ready.once()
    ready.pull()
    (folder / "later.txt").write_text("later" * 900)
    ready.once()
    ready.pull()
    ready.once()
    ready.server.stop()
    return ready


def files_below(root):
    return sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size)


def places(size, chance):
    spots = {0, size - 1, *(chance.randrange(size) for _ in range(EACH))}
    return [(spot, 1 << chance.randrange(8)) for spot in sorted(spots)]


def flip(path, place, bit):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ bit]))


def rows(path):
    """Everything that the database says, or why it cannot."""
    try:
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return list(database.iterdump())
        finally:
            database.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def overlooked(root, check, capsys, chance):
    """The flips that ``check`` did not name by their file."""
    missed = []
    for path in files_below(root):
        name = str(path.relative_to(root))
        before = rows(path) if path.name == "index.sqlite" else None
        for place, bit in places(path.stat().st_size, chance):
            flip(path, place, bit)
            code = check()
            told = "".join(capsys.readouterr())
            same = before is not None and code == 0 and rows(path) == before
            if not same and (code != 1 or name not in told):
                missed.append((name, place, bit, code, told[:300]))
            flip(path, place, bit)
    return missed


def test_no_bit_of_the_mirror_and_of_data_is_overlooked(settled, capsys):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    home, data = settled.office_home, settled.server.data

    def verify():
        return office(["verify", "--home", str(home), "--quiet"])

    def check():
        return receiver(["check", "--data", str(data)])

    assert verify() == 0
    assert check() == 0
    capsys.readouterr()
    assert overlooked(home / "mirror", verify, capsys, chance) == []
    assert overlooked(data, check, capsys, chance) == []
    assert verify() == 0
    assert check() == 0
