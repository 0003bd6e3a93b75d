# SPDX-License-Identifier: EUPL-1.2
"""A database of an earlier version becomes this one's whole or not at all; a newer is refused."""

import sqlite3

import pytest

from lakzegel_server import accounts, upgrading
from lakzegel_server.__main__ import main
from lakzegel_server.accounts import AccountRole
from lakzegel_server.database import Database
from lakzegel_server.fsck.run import check
from lakzegel_server.handover.packages import Mark, Package, Packages
from lakzegel_server.register import Register
from lakzegel_server.schema import SCHEMA, VERSION, row_digest

# as the version made it that had no number yet
FORMER = """
CREATE TABLE IF NOT EXISTS tree (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, edge BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (
    idx INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS pending (
    idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, secret BLOB NOT NULL, created TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refusals (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, device TEXT NOT NULL, code TEXT NOT NULL,
    id TEXT NOT NULL, proven INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cosignatures (
    device TEXT PRIMARY KEY, size INTEGER NOT NULL, line TEXT NOT NULL, digest BLOB NOT NULL
    ) STRICT;
CREATE TABLE IF NOT EXISTS annexes (
    id TEXT PRIMARY KEY, stored TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS held (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, sha256 BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
INSERT OR IGNORE INTO tree VALUES (1, 0, x'');
"""
TABLES = ("tree", "entries", "accounts", "refusals", "cosignatures", "annexes", "held")


def rows(path):
    connection = sqlite3.connect(path)
    found = {t: connection.execute(f"SELECT * FROM {t}").fetchall() for t in TABLES}
    connection.close()
    return found


def version_of(path):
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return found


@pytest.fixture
def former(tmp_path, kit):
    """A receiver with a history, whose index an earlier version made."""
    layout, _, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    register = Register.open(layout.database, lambda: kit.NOW)
    register.refuse(device="minister", code="gap", entry_id="0" * 64, proven=True)
    register.keep_cosignature("minister", 1, "a line")
    register.close()
    path = layout.database
    new = path.rename(path.with_name("new"))
    kept = rows(new)
    connection = sqlite3.connect(path)
    connection.executescript(FORMER + "DELETE FROM tree;")
    for table, found in kept.items():
        for row in found:
            marks = ",".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
    connection.commit()
    connection.close()
    new.unlink()
    return layout, kept


def test_an_earlier_versions_database_is_made_this_ones_with_all_its_rows(former):
    layout, kept = former
    assert version_of(layout.database) == 0
    assert check(layout).doubts == ()
    Database.open(layout.database).close()
    assert version_of(layout.database) == VERSION
    assert rows(layout.database) == kept
    assert kept["refusals"]
    assert check(layout).doubts == ()


def test_a_newer_versions_database_is_refused_and_not_changed(former, capsys):
    layout, _ = former
    connection = sqlite3.connect(layout.database)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    before = layout.database.read_bytes()
    serve = ["serve", "--data", str(layout.data), "--listen", "127.0.0.1:0"]
    assert main(serve) == 2
    assert "install the newer one again" in capsys.readouterr().err
    assert main(["check", "--data", str(layout.data)]) == 1
    assert f"of version {VERSION + 1}" in capsys.readouterr().out
    assert layout.database.read_bytes() == before


def rename_accounts(engine):
    """A step as a later version may have: a column more, and new digests."""
    connection = engine.connection
    connection.execute("ALTER TABLE accounts RENAME TO former")
    connection.execute(next(s for s in upgrading.statements() if "accounts" in s))
    for name, role, secret, created, _ in connection.execute("SELECT * FROM former").fetchall():
        row = (name, role, secret, created, "")
        connection.execute("INSERT INTO accounts VALUES (?,?,?,?,?,?)", (*row, row_digest(*row)))
    connection.execute("DROP TABLE former")


def later(monkeypatch, step):
    """This program, one version on."""
    wider = SCHEMA.replace(
        "created TEXT NOT NULL,\n    digest",
        "created TEXT NOT NULL, note TEXT NOT NULL,\n    digest",
    )
    assert wider != SCHEMA
    monkeypatch.setattr(upgrading, "SCHEMA", wider)
    monkeypatch.setattr(upgrading, "VERSION", VERSION + 1)
    monkeypatch.setitem(upgrading.STEPS, VERSION, step)
    return wider


def test_a_step_changes_a_table_and_leaves_what_a_new_database_has(former, monkeypatch, tmp_path):
    layout, kept = former
    later(monkeypatch, rename_accounts)
    upgraded, fresh = Database.open(layout.database), Database.open(tmp_path / "fresh")
    master = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    found = [d.connection.execute(master).fetchall() for d in (upgraded, fresh)]
    names = [a.name for a in accounts.listing(upgraded)]
    upgraded.close()
    fresh.close()
    assert found[0] == found[1]
    assert names == sorted(row[0] for row in kept["accounts"])
    assert version_of(layout.database) == VERSION + 1


def test_a_step_that_fails_changes_nothing(former, monkeypatch):
    layout, kept = former

    def fail(engine):
        rename_accounts(engine)
        raise sqlite3.OperationalError("disk I/O error")

    later(monkeypatch, fail)
    with pytest.raises(sqlite3.OperationalError):
        Database.open(layout.database)
    assert version_of(layout.database) == 0
    assert rows(layout.database) == kept
    monkeypatch.undo()
    database = Database.open(layout.database)
    accounts.add(database, "new", AccountRole.IT, secret=bytes(32), now="2026-11-24T02:00:00Z")
    database.close()


OF_VERSION_1 = """
CREATE TABLE annexes (id TEXT PRIMARY KEY, stored TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE timestamps (
    name TEXT PRIMARY KEY, at INTEGER NOT NULL, expires INTEGER NOT NULL, root TEXT NOT NULL,
    stamped BLOB NOT NULL, token BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
PRAGMA user_version = 1;
"""
ANNEX = "0" * 63


@pytest.fixture
def first(tmp_path, kit):
    """A receiver whose index version 1 made: annexes and tokens are known by SQLite's own numbers.

    Of the second annex somebody changed the row.
    """
    layout, _, _ = kit.make_receiver(tmp_path / "data", kit.Office())
    connection = sqlite3.connect(layout.index_file)
    connection.executescript("DROP TABLE annexes; DROP TABLE timestamps;" + OF_VERSION_1)
    for rowid, name in ((3, "a"), (4, "b"), (9, "c")):
        row = (ANNEX + name, "2026-11-24T02:00:00Z")
        digest = row_digest(*row) if name != "b" else bytes(32)
        connection.execute(
            "INSERT INTO annexes (rowid, id, stored, digest) VALUES (?, ?, ?, ?)",
            (rowid, *row, digest),
        )
    row = ("7-a", 5, 6, "root", b"s", b"t")
    connection.execute(
        "INSERT INTO timestamps (rowid, name, at, expires, root, stamped, token, digest)"
        " VALUES (2, ?, ?, ?, ?, ?, ?, ?)",
        (*row, row_digest(*row)),
    )
    connection.commit()
    connection.close()
    return layout


def test_annexes_and_tokens_of_version_1_keep_the_numbers_that_handovers_know(first):
    register = Register.open(first.database, lambda: 0)
    register.keep_annex("d" * 64)
    register.close()
    packages = Packages(first.database)
    assert packages.now() == Mark(0, 10, 2)
    whole = Package(1, Mark(0, 0, 0), Mark(0, 10, 2), b"", 0)
    assert packages.annexes(whole) == [*(ANNEX + name for name in "abc"), "d" * 64]
    rest = Package(1, Mark(0, 4, 2), Mark(0, 9, 2), b"", 0)
    assert (packages.annexes(rest), packages.tokens(rest)) == ([ANNEX + "c"], [])
    assert packages.tokens(whole) == [("7-a", 5, 6, "root")]


def test_a_row_that_was_changed_before_an_upgrade_is_named_after_it(first, tmp_path):
    upgraded, fresh = Database.open(first.database), Database.open(tmp_path / "fresh")
    master = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"
    found = [d.connection.execute(master).fetchall() for d in (upgraded, fresh)]
    upgraded.close()
    fresh.close()
    assert found[0] == found[1]
    doubts = [doubt.what for doubt in check(first).doubts]
    assert doubts.count("table annexes: a row was changed") == 1
    assert "table timestamps: a row was changed" not in doubts
