# SPDX-License-Identifier: EUPL-1.2
"""A pass captures what is there, byte for byte, and only what is new."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from lakzegel_agent.capture import WatchedSource
from lakzegel_agent.errors import LedgerDamagedError, SpoolFullError
from lakzegel_agent.sealing.pool import Pool

MB = 2**20


SPARSE = 48 * MB  # takes far longer to read than a process is kept waiting


def sparse(engine, name):
    path = engine.write(name, b"")
    os.truncate(path, SPARSE)
    return path


@contextlib.contextmanager
def writing(path, what):
    """A process of its own that does ``what`` to the file, over and over."""
    code = f"""if True:
        import sys
        with open(sys.argv[1], "r+b", buffering=0) as file:
            while True:
                {what}
                print(flush=True)
    """
    arguments = [sys.executable, "-c", code, os.fspath(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as writer:
        drain = threading.Thread(target=lambda: [None for _ in writer.stdout])
        writer.stdout.readline()  # it has begun
        drain.start()
        try:
            yield
        finally:
            writer.kill()
            drain.join()


def counts_of(engine):
    counts = engine.ledger.counts()
    assert counts.found == counts.sealed + counts.excluded + counts.failed
    return counts.sealed, counts.excluded, counts.failed


def test_files_are_rebuilt_byte_for_byte_from_what_was_sealed(engine):
    files = {
        b"a.txt": b"hallo",
        b"map/leeg.txt": b"",
        b"map/\xff\xfe.bin": bytes(range(256)) * 20,
        b"map/regel\neinde": b"\n",
        b"x" * 255: b"lang",
        b"groot.bin": os.urandom(3 * MB + 17),
        b"vier.bin": os.urandom(MB + 1),
    }
    for path, data in files.items():
        engine.write(path, data)
    report = engine.capture()
    assert (report.found, report.sealed, report.failed) == (7, 7, 0)
    assert engine.archive().latest() == files
    assert counts_of(engine) == (7, 0, 0)
    assert engine.ledger.waiting() == engine.rows
    assert len(engine.rows) > 2
    assert max(row.size for row in engine.rows) < engine.context.batch_limit * 1.1


def test_a_second_pass_over_the_same_files_makes_no_batch(engine):
    engine.write("a", b"1")
    engine.write("b", os.urandom(3 * MB))
    engine.capture()
    before = len(engine.rows)
    report = engine.capture()
    assert len(engine.rows) == before
    assert (report.found, report.sealed, report.batches) == (2, 0, 0)


def test_a_changed_file_seals_only_the_segments_that_changed(engine):
    data = bytearray(os.urandom(3 * MB))
    engine.write("disk.img", bytes(data))
    engine.capture()
    segments = len(engine.archive().of_kind("segment"))
    data[MB : MB + 4] = b"anders"[:4]
    engine.write("disk.img", bytes(data))
    engine.capture()
    archive = engine.archive()
    assert len(archive.of_kind("segment")) == segments + 1
    assert archive.versions()[b"disk.img"][1] == bytes(data)
    assert [s.payload["version"] for s in archive.of_kind("capture")] == [0, 1]


def test_a_file_touched_but_not_changed_is_captured_with_its_new_time_and_no_segment(engine):
    path = engine.write("a", b"zelfde")
    engine.capture()
    os.utime(path, ns=(1, 1))
    engine.capture()
    archive = engine.archive()
    assert len(archive.of_kind("segment")) == 1
    assert [s.payload["mtime"] for s in archive.of_kind("capture")][1] == "1"


def test_a_file_whose_inode_alone_changed_is_not_captured_again(engine):
    path = engine.write("a", b"zelfde")
    told = path.stat()
    engine.capture()
    path.unlink()
    engine.write("b", b"ander")  # takes the inode, perhaps
    engine.write("a", b"zelfde")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    engine.capture()
    assert engine.archive().versions()[b"a"] == [b"zelfde"]
    assert engine.capture().batches == 0


def test_hard_links_have_a_history_each(engine):
    path = engine.write("a", b"een")
    os.link(path, engine.root / "b")
    engine.capture()
    archive = engine.archive()
    assert archive.latest() == {b"a": b"een", b"b": b"een"}
    assert len({s.item.context["file"] for s in archive.of_kind("capture")}) == 2


def test_what_cannot_be_read_has_its_line_and_stops_nothing(engine):
    engine.write("goed", b"1")
    (engine.root / "lus").symlink_to("lus")
    os.mkfifo(engine.root / "pijp")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(engine.root / "s"))
        engine.capture()
    assert counts_of(engine) == (1, 3, 0)
    assert engine.ledger.counts().reasons == {"symlink": 1, "fifo": 1, "socket": 1}
    engine.capture()
    assert counts_of(engine) == (1, 3, 0)


def test_an_excluded_folder_is_counted_and_not_captured(engine):
    engine.watch(exclude_folders=("Priv\u00e9", "werk/familie"))
    for path in ("Priv\u00e9/foto", "werk/Prive\u0301/x", "werk/familie/brief", "familie/nota"):
        engine.write(path, b"1")
    engine.write("Priv\u00e9zaken", b"2")
    engine.capture()
    assert set(engine.archive().latest()) == {b"familie/nota", "Priv\u00e9zaken".encode()}
    assert engine.ledger.counts().reasons == {"excluded-folder": 3}


def test_a_vanished_file_is_observed_once_and_captured_again_when_it_is_back(engine):
    path = engine.write("a", b"1")
    engine.write("b", b"2")
    engine.capture()
    path.unlink()
    engine.capture()
    engine.capture()
    [said] = engine.archive().observations("vanished")
    assert [row["path"] for row in said["files"]] == ["a"]
    engine.write("a", b"1")
    engine.capture()
    archive = engine.archive()
    assert archive.versions()[b"a"] == [b"1", b"1"]
    assert len(archive.of_kind("segment")) == 2
    assert counts_of(engine) == (3, 0, 0)


def test_a_root_that_is_not_there_is_missing_and_nothing_in_it_has_vanished(engine):
    engine.write("a", b"1")
    engine.capture()
    engine.root.rename(engine.root.with_name("weg"))
    report = engine.capture()
    assert report.missing == ("docs",)
    assert engine.archive().observations() == []


def test_a_file_that_became_a_folder_has_vanished_and_the_folder_s_files_are_captured(engine):
    path = engine.write("a", b"1")
    engine.capture()
    path.unlink()
    engine.write("a/b", b"2")
    engine.capture()
    archive = engine.archive()
    assert archive.latest() == {b"a": b"1", b"a/b": b"2"}
    assert archive.observations("vanished")[0]["files"][0]["path"] == "a"


def test_empty_folders_are_listed_whenever_the_list_changes(engine):
    (engine.root / "leeg").mkdir()
    engine.capture()
    engine.capture()
    (engine.root / "leeg").rmdir()
    engine.capture()
    said = engine.archive().observations("folders")
    assert [value["folders"] for value in said] == [["leeg"], []]


def test_a_mail_that_was_read_is_a_capture_that_refers_to_what_is_sealed(engine):
    engine.watch(reader="maildir")
    path = engine.write("new/1700.M1.host", b"Subject: a\n\nhallo")
    engine.capture()
    (engine.root / "cur").mkdir()
    path.rename(engine.root / "cur" / "1700.M1.host:2,S")
    engine.capture()
    archive = engine.archive()
    assert len(archive.of_kind("segment")) == 1
    assert set(archive.latest()) == {b"new/1700.M1.host", b"cur/1700.M1.host:2,S"}
    assert len({s.item.context["file"] for s in archive.of_kind("capture")}) == 1
    assert archive.observations("vanished") == []


def test_two_files_of_one_history_are_both_captured_and_then_left_alone(engine):
    engine.watch(reader="maildir")
    engine.write("new/1700.M1.host", b"een")
    engine.write("cur/1700.M1.host:2,S", b"twee")
    engine.capture()
    assert engine.archive().latest() == {
        b"new/1700.M1.host": b"een",
        b"cur/1700.M1.host:2,S": b"twee",
    }
    batches = len(engine.rows)
    engine.capture()
    assert len(engine.rows) == batches


def test_a_second_file_of_a_history_gets_one_of_its_own_while_the_first_is_there(engine):
    engine.watch(reader="maildir")
    engine.write("new/1.M1.host", b"een")
    engine.write("cur/2.M2.host:2,S", b"twee")
    engine.capture()
    engine.write("cur/1.M1.host:2,S", b"een, anders")  # whichever folder is met first
    engine.write("new/2.M2.host", b"twee, anders")
    engine.capture()
    versions = engine.archive().versions()
    assert {path: len(contents) for path, contents in versions.items()} == {
        b"new/1.M1.host": 1,
        b"cur/1.M1.host:2,S": 1,
        b"cur/2.M2.host:2,S": 1,
        b"new/2.M2.host": 1,
    }
    assert len({s.item.context["file"] for s in engine.archive().of_kind("capture")}) == 4
    assert engine.capture().batches == 0


def test_segments_of_a_big_file_are_remembered_no_longer_than_until_its_capture(engine):
    engine.write("groot", os.urandom(3 * MB))
    engine.capture()
    [sealed] = engine.archive().of_kind("capture")
    assert engine.ledger.files.parts(bytes.fromhex(sealed.item.context["file"])) == b""


def test_a_file_that_changed_since_it_was_found_is_read_again(engine):
    path = engine.write("a", b"oud")

    def clock():
        if path.read_bytes() == b"oud":
            path.write_bytes(b"nieuwer")  # after the scan, before the reading
        return engine.now

    engine.clock = clock
    engine.capture()
    assert engine.archive().latest() == {b"a": b"nieuwer"}
    assert counts_of(engine) == (1, 0, 0)


def test_a_file_that_never_rests_is_captured_as_it_was_when_it_was_opened(engine):
    path = sparse(engine, "log")
    with writing(path, "file.seek(0, 2); file.write(b'regel\\n')"):
        engine.capture()
    assert counts_of(engine) == (1, 0, 0)
    captured = engine.archive().latest()[b"log"]
    assert any(s.item.context.get("grew") for s in engine.archive().of_kind("capture"))
    assert path.read_bytes().startswith(captured)
    assert len(captured) > SPARSE
    engine.capture()
    assert engine.archive().latest()[b"log"] == path.read_bytes()


def test_a_file_that_vanishes_before_it_is_read_is_a_finding(engine):
    path = engine.write("a", b"1")
    engine.write("b", b"2")

    def gone():
        path.unlink(missing_ok=True)
        return engine.now

    engine.clock = gone
    engine.capture()
    archive = engine.archive()
    assert archive.observations("vanished-uncaptured")[0]["files"] == [{"path": "a"}]
    assert counts_of(engine) == (1, 0, 1)
    assert engine.ledger.counts().reasons == {"vanished": 1}


def test_a_mail_renamed_before_it_is_read_is_found_again(engine):
    engine.watch(reader="maildir")
    path = engine.write("new/1700.M1.host", b"hallo")
    (engine.root / "cur").mkdir()

    def read():
        if path.exists():
            path.rename(engine.root / "cur" / "1700.M1.host:2,S")
        return engine.now

    engine.clock = read
    engine.capture()
    assert engine.archive().latest() == {b"cur/1700.M1.host:2,S": b"hallo"}
    assert counts_of(engine) == (1, 0, 0)


def test_a_file_is_waited_for_until_it_has_settled(engine):
    engine.watch(settle=0.3)
    path = engine.write("a", b"1")
    moment = path.stat().st_mtime
    asked = []
    start = threading.Event()

    def clock():
        asked.append(1)
        start.set()
        return type(engine.now).fromtimestamp(moment + 0.1 * len(asked), engine.now.tzinfo)

    engine.clock = clock
    engine.capture()
    assert engine.archive().latest() == {b"a": b"1"}
    assert len(asked) > 3


def test_a_clock_that_was_set_back_delays_nothing(engine):
    engine.watch(settle=3600.0)
    path = engine.write("a", b"1")
    os.utime(path, (engine.now.timestamp() + 10**6,) * 2)
    engine.capture()
    assert engine.archive().latest() == {b"a": b"1"}


def test_several_sources_are_counted_apart(engine, tmp_path):
    other = tmp_path / "mail"
    (other / "cur").mkdir(parents=True)
    (other / "cur" / "1:2,").write_bytes(b"x")
    (other / "tmp").mkdir()
    (other / "tmp" / "2").write_bytes(b"half")
    engine.write("a", b"1")
    mail = WatchedSource("mail", "maildir", os.fsencode(other), None, 0.0)
    engine.capture(engine.source, mail)
    counts = engine.ledger.source_counts()
    assert (counts["docs"].sealed, counts["mail"].sealed) == (1, 1)
    assert counts["mail"].reasons == {"in-delivery": 1}


def test_nothing_of_what_was_captured_lies_readable_in_the_home(engine):
    canaries = [b"kanarie-in-de-tekst", b"kanarie-in-de-naam", b"kanarie-map"]
    engine.write(canaries[2] + b"/" + canaries[1], canaries[0] * 50)
    path = engine.write(b"weg-kanarie-naam", b"1")
    engine.capture()
    path.unlink()
    engine.capture()
    engine.ledger.observe("docs", {"type": "test", "name": "kanarie-in-de-waarneming"})
    engine.ledger.remember("kanarie-naam", b"kanarie-waarde")
    for file in engine.home.rglob("*"):
        if file.is_file():
            assert b"kanarie" not in file.read_bytes(), file.name


def test_the_spool_s_limit_ends_the_pass_and_the_next_one_goes_on(engine):
    files = {b"%d" % n: os.urandom(400_000) for n in range(8)}
    for path, data in files.items():
        engine.write(path, data)
    engine.use(spool_limit=1_500_000)
    asked = []
    with pytest.raises(SpoolFullError):
        engine.capture(wait_for_room=asked.append)
    assert asked
    assert 0 < len(engine.rows) < 4
    engine.use(spool_limit=2**30)
    engine.capture()
    archive = engine.archive()
    assert archive.latest() == files
    assert len(archive.of_kind("segment")) == 8


def test_a_pass_in_another_epoch_than_the_ledger_s_is_refused(engine):
    engine.context = replace(engine.context, epoch=1, header_key=engine.header_key(1))
    with pytest.raises(LedgerDamagedError):
        engine.capture()


def test_a_new_epoch_captures_again_what_no_receipt_covers(engine):
    engine.write("a", b"1")
    engine.capture()
    [first] = engine.ledger.waiting()
    seen = seen_of(engine, 5)
    engine.ledger.mark_sealed(first.id, 3, b"receipt", seen)
    engine.write("b", b"2" * 3000)
    engine.write("a", b"1-veranderd")
    engine.ledger.observe("device", {"type": "start"})
    engine.capture()
    engine.ledger.begin_epoch(1, bytes(31) + b"1", note={"type": "epoch", "heads": [1, 2]})
    assert engine.ledger.counts().sealed == 1
    assert engine.ledger.waiting() == []
    assert engine.ledger.epoch().next_batch == 0
    assert engine.ledger.epoch().newest_id == first.id
    engine.context = replace(engine.context, epoch=1, header_key=engine.header_key(1))
    engine.enrolment = bytes(31) + b"1"
    engine.capture()
    archive = engine.archive()
    assert archive.latest() == {b"a": b"1-veranderd", b"b": b"2" * 3000}
    assert [value["type"] for value in archive.observations()] == ["epoch", "start"]
    assert archive.items[0].payload["type"] == "epoch"
    assert counts_of(engine) == (3, 0, 0)


def seen_of(engine, size):
    from lakzegel_agent.ledger import Seen  # noqa: PLC0415

    return Seen(size, bytes(32), b"checkpoint")


def test_a_file_that_is_written_over_for_ever_fails_as_changing_and_is_tried_again(engine):
    path = sparse(engine, "a")
    with writing(path, "file.seek(100); file.write(b'x')"):
        engine.capture()
    assert engine.ledger.counts().reasons == {"changing": 1}
    [said] = engine.archive().observations("failed")
    assert said == {"files": [{"path": "a"}], "reason": "changing", "type": "failed"}
    engine.capture()
    assert counts_of(engine) == (1, 0, 0)


def test_a_process_for_which_there_is_no_use_ends(engine):
    engine.pool.start(2)
    first, second = engine.pool.pids()
    engine.pool.start(1)
    assert engine.pool.pids() == (first,)
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


def test_processes_that_were_started_before_there_was_work_do_it(engine):
    engine.pool.start(1)
    engine.pool.start(2)
    started = engine.pool.pids()
    assert len(started) == 2
    engine.use(batch_limit=60_000)
    files = {b"%d" % n: os.urandom(40_000) for n in range(9)}
    for path, data in files.items():
        engine.write(path, data)
    engine.capture()
    assert engine.pool.pids() == started
    assert engine.archive().latest() == files


def test_batches_made_by_several_processes_are_closed_in_the_order_of_the_chain(engine):
    engine.pool.close()
    engine.pool = Pool.open(3)
    engine.use(batch_limit=60_000)
    files = {b"%d" % n: os.urandom(10 + 977 * (n % 50)) for n in range(200)}
    files[b"groot"] = os.urandom(2**21 + 5)
    for path, data in files.items():
        engine.write(path, data)
    engine.capture()
    assert len(engine.pool.pids()) == 3
    assert [row.batch for row in engine.rows] == list(range(len(engine.rows)))
    assert len(engine.rows) > 40
    assert engine.archive().latest() == files
    assert engine.progress[-1].sealed == len(files)
