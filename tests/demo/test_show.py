# SPDX-License-Identifier: EUPL-1.2
"""The whole path as a newcomer runs it, and as he interrupts it."""

import filecmp
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakzegel_demo.compare import compare
from lakzegel_demo.device import SOURCES
from lakzegel_demo.journey import guard_lines

KEYS = {
    *("found", "sealed", "excluded", "failed", "batches", "bytes_read", "bytes_sealed"),
    *("seconds", "seconds_capture", "seconds_pull", "seconds_restore"),
}
pytestmark = pytest.mark.real_start

COMMAND = [sys.executable, "-m", "lakzegel_demo", "demo"]


def demo(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run with the device that the demo makes up."""
    out = tmp_path_factory.mktemp("demo") / "out"
    done = demo("--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    return done, out


def test_it_ends_verified_with_json_alone_on_standard_output(ran):
    done, out = ran
    assert done.stderr.rstrip().endswith("VERIFIED")
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "summary.json").read_text())
    assert set(printed) == KEYS


def test_everything_found_is_accounted_for_and_nothing_failed(ran):
    figures = json.loads(ran[0].stdout)
    assert figures["found"] == figures["sealed"] + figures["excluded"] + figures["failed"]
    assert figures["failed"] == 0
    assert figures["sealed"] > 50
    assert figures["batches"] >= 1
    assert figures["bytes_sealed"] > 0
    assert 0 < figures["seconds_capture"] < figures["seconds"]


def test_each_source_is_restored_under_its_name(ran):
    out = ran[1]
    for name in SOURCES:
        found = compare(out / "device" / name, out / "restored" / name)
        assert found.same
        assert not found.missing
        assert found.files


def test_it_leaves_what_is_promised(ran):
    out = ran[1]
    for name in (
        *("agent/agent.toml", "policy.toml", "passphrase", "server/log/checkpoint"),
        *("server/log.vkey", "summary.json", "judge/item", "judge/item.proof"),
    ):
        assert (out / name).is_file(), name
    assert not (out / "tampered").exists()
    assert not (out / "pids.json").exists()


def test_the_receivers_key_file_is_one_line(ran):
    assert (ran[1] / "server" / "log.vkey").read_text().count("\n") == 1


def test_neither_receiver_nor_policy_knows_a_folder(ran):
    out = ran[1]
    kept = [path for path in (out / "server").rglob("*") if path.is_file()]
    for path in [*kept, out / "policy.toml", out / "agent" / "agent.toml"]:
        data = path.read_bytes()
        for name in SOURCES:
            assert name.encode() not in data, path
        assert str(out / "device").encode() not in data, path


def test_a_person_reads_what_was_proven_and_where_the_flipped_bit_is(ran):
    said = ran[0].stderr
    assert "tampered   one bit flipped in a copy, and verify says: " in said
    assert "minister-laptop/0/" in said
    assert "judge      PROVEN" in said


def test_a_kind_that_no_reader_has_ends_in_one_line_and_leaves_nothing_running(tmp_path):
    (tmp_path / "mail").mkdir()
    done = demo("--watch", f"nonsense:{tmp_path}/mail", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("lakzegel: --watch: reader-unknown: s1")
    assert not _left(tmp_path / "out")


@pytest.mark.soak
def test_folders_without_a_file_are_refused(tmp_path):
    (tmp_path / "mail").mkdir()
    done = demo("--watch", f"eml:{tmp_path}/mail", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "not one file" in done.stderr


def test_a_file_that_changed_after_it_was_captured_is_named(tmp_path):
    source, out = tmp_path / "mail", tmp_path / "out"
    source.mkdir()
    (source / "one.eml").write_bytes(b"Subject: een\r\n\r\nHallo\r\n")
    with _begin("--watch", f"eml:{source}", "--out", str(out)) as process:
        for line in process.stderr:
            if line.endswith("the device let its copy go\n"):
                break
        (source / "one.eml").write_bytes(b"Subject: een\r\n\r\nHallx\r\n")
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "mail: 1 differ and 0 are new, such as one.eml" in rest


def test_ctrl_c_in_the_middle_leaves_nothing_running(tmp_path):
    out = tmp_path / "out"
    with _begin("--out", str(out)) as process:
        for line in process.stderr:
            if "enrolled in the log" in line:
                break
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped by SIGINT" in rest
    assert not _left(out)


def test_odd_names_come_back_and_with_keep_all_parties_stay_up_until_ctrl_c(tmp_path):
    out, source, chats = tmp_path / "out", tmp_path / "Map met spatie", tmp_path / "chats"
    odd_files(source, chats)
    folders = "--watch", f"folder:{source}", "--watch", f"eml:{chats}"
    with _begin(*folders, "--out", str(out), "--keep") as process:
        assert any(line == "VERIFIED\n" for line in process.stdout), process.stderr.read()
        pids = json.loads((out / "pids.json").read_text())
        ends = [os.pidfd_open(pid) for pid in pids.values()]
        assert set(pids) == {"server", "agent", "office"}
        assert select.select(ends, [], [], 0.5)[0] == []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    for end in ends:
        assert select.select([end], [], [], 20)[0]
        os.close(end)
    assert not _left(out)
    figures = json.loads((out / "summary.json").read_text())
    assert figures["failed"] == 0
    assert figures["sealed"] == 8
    assert figures["excluded"] == 2
    restored = out / "restored" / "Map met spatie"
    assert (restored / "empty").is_dir()
    assert filecmp.cmp(source / "-rf", restored / "-rf", shallow=False)
    assert compare(source, restored).same


def odd_files(source, chats):
    (source / "empty").mkdir(parents=True)
    chats.mkdir()
    for name in (b"a b", b"new\nline", b"caf\xe9", b"z" * 255, b"-rf", b"..."):
        (source / os.fsdecode(name)).write_bytes(name * 100)
    (source / "loop").symlink_to(source)
    os.mkfifo(source / "pipe")
    (source / "nothing").touch()
    (chats / "note.txt").write_text("één\n")


def _begin(*arguments):
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _left(out: Path):
    """The processes that still have this OUT on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(out) in command:
                found.append(command)
    return found


def test_guards_that_are_content_are_one_line_and_the_rest_a_line_each():
    rows = [
        {"id": "a", "state": "compliant", "reasons": {}},
        {"id": "b", "state": "not-applicable", "reasons": {}},
        {"id": "c", "state": "drifted", "reasons": {"timer-on": 2}},
        {"id": "d", "state": "repaired", "reasons": {}},
        {"id": "e", "state": None, "reasons": {}},
    ]
    assert list(guard_lines(rows)) == [
        "guards: nothing deletes or leaks by a, d",
        "guards: c: drifted (timer-on 2)",
    ]
