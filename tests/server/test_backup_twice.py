# SPDX-License-Identifier: EUPL-1.2
"""Two at once, and what was cut off: a backup names nothing that is not there."""

import fcntl
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from lakzegel_server.backup import making
from lakzegel_server.backup.objects import Objects
from lakzegel_server.backup.restoring import restore
from lakzegel_server.database import Database
from lakzegel_server.errors import ConfigError
from lakzegel_server.fsck import run
from lakzegel_server.fsck.run import check
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_log_keys

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path, kit):
    return kit.make_receiver(tmp_path / "data", kit.Office())[0]


def back_up(layout, out):
    return making.back_up(layout, load_log_keys(layout), out, at=NOW, secret=True)


def test_a_second_backup_into_the_same_folder_waits_for_no_first_and_takes_nothing_from_it(
    layout, tmp_path, monkeypatch
):
    out, begun, free = tmp_path / "out", threading.Event(), threading.Event()
    tidy = Objects.tidy

    def slow(self, wanted):
        begun.set()
        assert free.wait(10)
        tidy(self, wanted)

    monkeypatch.setattr(Objects, "tidy", slow)
    first = threading.Thread(target=back_up, args=(layout, out))
    first.start()
    assert begun.wait(10)
    try:
        with pytest.raises(ConfigError, match="another backup"):
            back_up(layout, out)
    finally:
        free.set()
        first.join()
    back_up(layout, out)


def test_a_first_backup_that_was_cut_off_at_its_manifest_is_made_anew(
    layout, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    real = making.replace_file

    def die(path, _data, *, work):
        (work / "0123.part").write_bytes(b"half")
        raise KeyboardInterrupt(path.name)

    monkeypatch.setattr(making, "replace_file", die)
    with pytest.raises(KeyboardInterrupt):
        back_up(layout, out)
    monkeypatch.setattr(making, "replace_file", real)
    assert back_up(layout, out).missing == []
    assert sorted(path.name for path in out.iterdir()) == ["manifest", "objects"]


def test_a_receiver_that_runs_is_not_restored_over(layout, tmp_path):
    out, new = tmp_path / "out", Layout(tmp_path / "new")
    back_up(layout, out)
    restore(out, new)
    new.database.with_name("index.sqlite-wal").write_bytes(b"of another life")
    with new.serving.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="is served"):
            restore(out, new)
    restore(out, new)
    assert not new.database.with_name("index.sqlite-wal").exists()
    new.restored.unlink()
    assert check(new).doubts == ()


@pytest.mark.parametrize("work", ["backup", "check"])
def test_the_index_s_journal_can_be_folded_in_while_batches_are_read(
    layout, tmp_path, monkeypatch, work
):
    """It would grow for as long as a day of batches takes to be read."""
    busy = []

    def fold_in(*_):
        with closing(sqlite3.connect(layout.database)) as other:
            busy.append(other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        return iter(())

    if work == "backup":
        monkeypatch.setattr(making.LogStore, "entries", fold_in)
    else:
        monkeypatch.setattr(run, "check_batches", fold_in)
    database = Database.open(layout.database)
    try:
        if work == "backup":
            back_up(layout, tmp_path / "out")
        else:
            run.check(layout)
    finally:
        database.close()
    assert busy == [0]
