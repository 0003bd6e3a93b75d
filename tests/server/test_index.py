# SPDX-License-Identifier: EUPL-1.2
"""What every engine below an index promises: SQLite and PostgreSQL pass the same (stores.md §2)."""

import pytest

from lakzegel_core.merkle import Frontier
from lakzegel_server.database import FAILURES, Database
from lakzegel_server.schema import put, row_digest


@pytest.fixture
def database(place):
    opened = Database.open(place)
    yield opened
    opened.close()


def test_entries_are_appended_by_compare_and_swap_on_the_tree(database, place):
    assert database.commit(Frontier(), [b"one", b"two"])
    assert not database.commit(Frontier(), [b"other"])
    assert not database.commit(Frontier.from_hashes(2, [bytes(32)]), [b"other"])
    assert database.commit(database.tree(), [b"three"])
    again = Database.open_readonly(place)
    assert (again.size(), [data for _, data in again.pending()]) == (3, [b"one", b"two", b"three"])
    assert again.tree().root() == database.tree().root()
    again.close()


def test_a_change_that_fails_leaves_nothing(database):
    def fail():
        with database.transaction() as change:
            change.execute(put("told"), ("office", 1, b""))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert database.connection.execute("SELECT count(*) FROM told").fetchone() == (0,)


NUMBERS = (0, -1, 2**31, 2**62, 2**63 - 1, -(2**63))
BYTES = (b"", b"\0", bytes(range(256)), bytes(2**20), b"\\x00")
TEXTS = ("", "Ünïcode €", "'?$1%s", "a\nb\\", "\U0001f512")


def test_values_come_back_as_they_were(database):
    for place in TEXTS:
        database.connection.execute(put("told"), (place, 1, b""))
    for number in NUMBERS:
        database.connection.execute(put("told"), (f"number {number}", number, b""))
    for data in BYTES:
        database.connection.execute(put("told"), (f"bytes {data[:5]!r} {len(data)}", 1, data))
    found = database.connection.execute("SELECT place, size, digest FROM told").fetchall()
    known = {place: (size, digest) for place, size, digest in found}
    assert all(known[place] == (1, b"") for place in TEXTS)
    assert all(known[f"number {number}"] == (number, b"") for number in NUMBERS)
    assert all(known[f"bytes {data[:5]!r} {len(data)}"] == (1, data) for data in BYTES)
    total = "SELECT count(*), sum(size), max(size) > 1 FROM told WHERE size > 0 AND size < ?"
    wanted = (12, 10 + 2**31 + 2**62, True)
    assert database.connection.execute(total, (2**63 - 1,)).fetchone() == wanted


def test_a_number_of_more_than_64_bits_is_refused(database):
    with pytest.raises((*FAILURES, OverflowError)):
        database.connection.execute(put("told"), ("office", 2**63, b""))


def test_text_with_nul_is_refused(database):
    with pytest.raises(FAILURES):
        database.connection.execute(put("told"), ("a\0b", 1, b""))


def test_text_is_ordered_by_its_bytes(database):
    names = ["b", "a", "B", "é", "_", "a-b", "ab", "Z"]
    database.connection.executemany(put("told"), [(name, 1, b"") for name in names])
    rows = database.connection.execute("SELECT place FROM told ORDER BY place").fetchall()
    assert [name for (name,) in rows] == sorted(names, key=lambda name: name.encode())
    assert database.connection.execute("SELECT max(place) FROM told").fetchone() == ("é",)


def test_a_row_takes_the_place_of_the_one_with_its_key(database):
    for size in (1, 2):
        database.connection.execute(put("told"), ("office", size, row_digest("office", size)))
    rows = database.connection.execute("SELECT * FROM told").fetchall()
    assert rows == [("office", 2, row_digest("office", 2))]


def test_whoever_opened_for_looking_cannot_change_anything(database, place):
    reader = Database.open_readonly(place)
    with pytest.raises(FAILURES):
        reader.connection.execute(put("told"), ("office", 1, b""))
    reader.close()
    assert database.connection.execute("SELECT count(*) FROM told").fetchone() == (0,)


def test_a_moment_that_is_read_stays_what_it_was(database, place):
    reader = Database.open_readonly(place)
    with reader.snapshot() as moment:
        assert moment.execute("SELECT size FROM tree").fetchone() == (0,)
        database.commit(Frontier(), [b"one"])
        assert moment.execute("SELECT size FROM tree").fetchone() == (0,)
    assert reader.size() == 1
    reader.close()
