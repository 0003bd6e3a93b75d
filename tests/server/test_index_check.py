# SPDX-License-Identifier: EUPL-1.2
"""A check of a receiver whose index is in PostgreSQL finds what one of a file finds."""

import pytest

from lakzegel_server.__main__ import main
from lakzegel_server.fsck import run
from lakzegel_server.fsck.files import survey
from lakzegel_server.fsck.indexed import open_indexed
from lakzegel_server.fsck.rows import check_rows
from lakzegel_server.fsck.run import check

OTHER = "has other tables than a receiver's index of its version"
CHANGES = {  # what is done to an index, what undoes it, and what is said of it
    "UPDATE accounts SET role = 'audit' WHERE name = 'it-person'": (
        "UPDATE accounts SET role = 'it' WHERE name = 'it-person'",
        "table accounts: a row was changed",
    ),
    "CREATE TRIGGER quiet BEFORE UPDATE ON told FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": ("DROP TRIGGER quiet ON told", OTHER),
    'ALTER TABLE told ALTER place TYPE TEXT COLLATE "C.utf8"': (
        'ALTER TABLE told ALTER place TYPE TEXT COLLATE "C"',
        OTHER,
    ),
}
MORE = {
    "ALTER TABLE told ADD COLUMN more BIGINT": ("ALTER TABLE told DROP COLUMN more", OTHER),
    "ALTER TABLE told ALTER size DROP NOT NULL": (
        "ALTER TABLE told ALTER size SET NOT NULL",
        OTHER,
    ),
    "ALTER TABLE tree DROP CONSTRAINT tree_one_check": (
        "ALTER TABLE tree ADD CHECK (one = 1)",
        OTHER,
    ),
    "CREATE RULE quiet AS ON DELETE TO sessions DO INSTEAD NOTHING": (
        "DROP RULE quiet ON sessions",
        OTHER,
    ),
    "ALTER TABLE accounts ENABLE ROW LEVEL SECURITY": (
        "ALTER TABLE accounts DISABLE ROW LEVEL SECURITY",
        OTHER,
    ),
    "DROP INDEX arrivals_by_device": (None, OTHER),
}


@pytest.fixture
def receiver(kit, tmp_path, address):
    return kit.make_receiver(tmp_path / "data", kit.Office(), address)[0]


def rows_of(receiver):
    """The doubts of the index by itself."""
    index = open_indexed(receiver, live=False)
    found = survey(receiver, live=False)
    found.index = index.name
    index.begin()
    check_rows(found, index)
    index.close()
    return [(doubt.place, doubt.what) for doubt in found.doubts]


@pytest.mark.parametrize(
    "changes", [CHANGES, pytest.param(MORE, marks=pytest.mark.soak)], ids=["some", "more"]
)
def test_every_change_of_a_row_or_a_table_is_named(receiver, cluster, changes):
    place = str(receiver.index)
    assert check(receiver).doubts == ()
    for change, (undo, what) in changes.items():
        cluster.within(receiver.index, change)
        assert (place, what) in rows_of(receiver), change
        if undo is not None:
            cluster.within(receiver.index, undo)
    cluster.within(receiver.index, "UPDATE entries SET id = sha256(id)")
    assert "table entries: entry 0 is not the log's" in [d.what for d in check(receiver).doubts]


def test_a_table_of_somebody_elses_in_the_schema_is_passed_over(receiver, cluster):
    cluster.within(receiver.index, "CREATE TABLE theirs (a INTEGER)")
    assert check(receiver).doubts == ()


def test_a_server_that_is_away_is_no_doubt_but_an_answer_that_cannot_be_had(receiver, capsys):
    url = "postgresql://127.0.0.1:1/none"
    assert main(["check", "--data", str(receiver.data), "--database", url]) == 3
    assert "postgresql://127.0.0.1:1/none" in capsys.readouterr().err


def test_what_was_never_sealed_in_a_folder_that_receivers_share_is_no_doubt(receiver, monkeypatch):
    """Another one may be about to seal it, and no start takes it away."""
    monkeypatch.setattr(run, "PATIENCE_SECONDS", 0.0)
    name = "1" * 64
    for path in (receiver.batch(name), receiver.keyring(name), receiver.batch("1")):
        path.write_bytes(b"durable, but its entry was not")
    report = check(receiver)
    assert [doubt.place for doubt in report.doubts] == ["batches/1.batch"]
    assert sorted((one.place, one.what) for one in report.orphans) == [
        (place, "never sealed, or not yet; it does no harm")
        for place in (f"batches/{name}.batch", f"keyrings/{name}.keyring")
    ]
