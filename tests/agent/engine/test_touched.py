# SPDX-License-Identifier: EUPL-1.2
"""A source that is looked at only where it was touched: what is said, and what is left unsaid."""

import os
import random
from dataclasses import replace

import pytest

from lakzegel_agent import scan
from lakzegel_agent.capturestill import still_name


def touch(engine, *paths):
    return engine.capture(replace(engine.source, touched=frozenset(paths)))


@pytest.fixture
def listed(monkeypatch):
    """The watched folders that were listed; they are named by bytes."""
    found, real = [], os.scandir

    def listing(path):
        if isinstance(path, bytes):
            found.append(path)
        return real(path)

    monkeypatch.setattr(scan.os, "scandir", listing)
    return found


def test_a_new_file_is_captured_without_a_look_at_any_other(engine, listed):
    engine.write("a/1", b"one")
    engine.capture()
    engine.write("a/2", b"two")
    engine.write("a/1", b"changed")
    listed.clear()
    report = touch(engine, b"a/2")
    assert listed == []
    assert (report.found, report.sealed, report.lacking) == (1, 1, ())
    assert engine.archive().latest() == {b"a/1": b"one", b"a/2": b"two"}
    engine.capture()
    assert engine.archive().latest() == {b"a/1": b"changed", b"a/2": b"two"}


def test_a_new_folder_is_looked_at_with_all_that_lies_below(engine, listed):
    engine.write("old/1", b"1")
    engine.capture()
    engine.write("new/a/b/2", b"2")
    engine.write("new/3", b"3")
    listed.clear()
    touch(engine, b"new")
    assert len(listed) == 3
    assert engine.archive().latest() == {b"old/1": b"1", b"new/a/b/2": b"2", b"new/3": b"3"}


def test_what_is_gone_is_left_to_a_whole_look(engine):
    path = engine.write("a", b"1")
    engine.capture()
    path.unlink()
    report = touch(engine, b"a")
    assert report.lacking == ("docs",)
    assert engine.archive().observations("vanished") == []
    assert touch(engine, b"never there").lacking == ()
    engine.capture()
    [said] = engine.archive().observations("vanished")
    assert [file["path"] for file in said["files"]] == ["a"]
    assert touch(engine, b"a").lacking == ()


def test_a_mail_whose_format_renames_it_is_not_gone(engine):
    engine.watch(reader="maildir")
    engine.write("new/1.M1P1.laptop", b"mail")
    engine.capture()
    (engine.root / "cur").mkdir()
    (engine.root / "new/1.M1P1.laptop").rename(engine.root / "cur/1.M1P1.laptop:2,S")
    report = touch(engine, b"new/1.M1P1.laptop", b"cur/1.M1P1.laptop:2,S")
    assert report.lacking == ()
    assert engine.capture().vanished == 0
    assert engine.archive().observations("vanished") == []


def test_what_is_left_out_stays_out(engine):
    engine.watch(reader="maildir")
    engine.write("tmp/1.M1P1.laptop", b"half a mail")
    report = touch(engine, b"tmp/1.M1P1.laptop")
    assert report.sealed == 0
    assert engine.ledger.counts().reasons == {"in-delivery": 1}


def test_links_and_what_is_no_file_are_named_as_a_scan_names_them(engine, tmp_path):
    (tmp_path / "secret").write_bytes(b"elsewhere")
    (engine.root / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(engine.root / "pipe")
    touch(engine, b"link", b"pipe")
    assert engine.ledger.counts().reasons == {"symlink": 1, "fifo": 1}


def test_a_folder_that_became_a_link_leads_nowhere(engine, tmp_path):
    engine.write("a/b/secret", b"ours")
    engine.capture()
    (engine.root / "a").rename(engine.root / "moved")
    elsewhere = tmp_path / "elsewhere" / "b"
    elsewhere.mkdir(parents=True)
    (elsewhere / "secret").write_bytes(b"of somebody else")
    (engine.root / "a").symlink_to(tmp_path / "elsewhere")
    report = touch(engine, b"a/b/secret", b"a/b")
    assert (report.sealed, report.lacking) == (0, ("docs",))
    engine.capture()
    said = engine.archive().versions()
    assert b"of somebody else" not in [data for found in said.values() for data in found]


def test_a_root_that_is_not_there_is_missing(engine):
    engine.write("a", b"1")
    engine.capture()
    engine.root.rename(engine.root.with_name("elsewhere"))
    assert touch(engine, b"a").missing == ("docs",)
    assert engine.archive().observations("vanished") == []


def test_what_the_next_whole_look_remembers_is_kept(engine):
    for number in range(30):
        engine.write(f"a/{number}", b"%d" % number)
    engine.capture()
    engine.capture()
    before = engine.ledger.recall(still_name("docs"))
    assert before
    engine.write("a/new", b"x")
    touch(engine, b"a/new")
    assert engine.ledger.recall(still_name("docs")) == before


def test_a_file_that_vanishes_before_it_is_read_is_found_again_by_a_whole_look(engine, monkeypatch):
    from lakzegel_agent import captureadmit  # noqa: PLC0415

    path = engine.write("a", b"1")
    real = captureadmit.Admission.admit

    def admit(self, target):
        if path.exists():
            path.rename(path.with_name("b"))
        real(self, target)

    monkeypatch.setattr(captureadmit.Admission, "admit", admit)
    report = touch(engine, b"a")
    monkeypatch.undo()
    assert report.lacking == ("docs",)
    assert engine.ledger.counts().failed == 0
    engine.capture()
    assert engine.archive().latest() == {b"b": b"1"}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happened_a_whole_look_leaves_nothing_unsaid(engine, seed):
    chance = random.Random(seed)
    names = [f"{folder}/{name}" for folder in ("a", "b", "b/c") for name in "12345"]
    touched = set()
    for _ in range(60):
        name = chance.choice(names)
        path = engine.root / name
        told = {name.encode()}
        if not path.exists() or chance.random() < 0.4:
            engine.write(name, chance.randbytes(chance.randint(0, 50)))
        elif chance.random() < 0.5:
            path.unlink()
        else:
            other = chance.choice(names)
            (engine.root / other).parent.mkdir(exist_ok=True, parents=True)
            path.rename(engine.root / other)
            told.add(other.encode())
        if chance.random() < 0.9:  # else the hint is lost
            touched |= told
        if chance.random() < 0.25:
            touch(engine, *touched)
            touched.clear()
    engine.capture()
    there = {
        str(p.relative_to(engine.root)).encode(): p.read_bytes()
        for p in engine.root.rglob("*")
        if p.is_file()
    }
    latest = engine.archive().latest()
    assert {path: latest[path] for path in there} == there
    counts = engine.ledger.counts()
    assert counts.found == counts.sealed + counts.excluded + counts.failed
    assert engine.capture().batches == 0
