# SPDX-License-Identifier: EUPL-1.2
"""The parts that seal: seams, captures' text, and what a sealing process carries."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.exclusion import excluder
from lakzegel_agent.ledgerrows import SEGMENT, FileState
from lakzegel_agent.readers.base import MAX_SEGMENT_CUT, OpaqueReader
from lakzegel_agent.sealing.fileitems import capture_payload, members
from lakzegel_agent.sealing.jobs import (
    CaptureUnit,
    Done,
    FileUnit,
    Job,
    JobResult,
    Missed,
    ObservationUnit,
    RangeUnit,
    Said,
    Same,
    Stat,
)
from lakzegel_agent.sealing.messages import receive, send
from lakzegel_agent.sealing.reading import MissedError, opened
from lakzegel_agent.sealing.seams import coarser, ends_of
from lakzegel_agent.spool import Spool
from lakzegel_agent.view import View
from lakzegel_core.encoding import parse_canonical_json, unb64


class Lying(OpaqueReader):
    """A reader that breaks its promise."""

    def __init__(self, *ends):
        self.ends = ends

    def cut(self, path, view):
        return iter(self.ends)


@pytest.mark.parametrize("ends", [(), (3,), (10, 5), (5, 5, 10), (0, 10), (5, 11), (-1, 10)])
def test_a_reader_that_breaks_its_promise_costs_seams_and_no_bytes(ends):
    assert ends_of(Lying(*ends), b"a", View.of_bytes(bytes(10))) == (10,)


def test_a_segment_is_never_longer_than_the_limit():
    size = 2 * MAX_SEGMENT_CUT
    ends = ends_of(Lying(size), b"a", View.of_bytes(bytes(size)))
    assert len(ends) > 1
    assert ends[-1] == size


@given(st.sets(st.integers(1, 10_000), min_size=1), st.integers(1, 50))
def test_coarser_seams_are_some_of_the_seams_and_not_too_many(seams, most):
    ends = tuple(sorted(seams))
    found = coarser(ends, ends[-1], most)
    assert set(found) <= set(ends)
    assert found[-1] == ends[-1]
    assert list(found) == sorted(found)
    assert len(found) <= max(most, 2)


@given(st.integers(0, 2**31), st.integers(-(2**63), 2**63 - 1), st.integers(0, 0o7777))
def test_a_capture_is_canonical_json(version, mtime, mode):
    rows = b"".join(SEGMENT.pack(0, 2**32 - 1, n, 2**40, os.urandom(32), bytes(16)) for n in (0, 9))
    unit = CaptureUnit(
        0, b"a", os.urandom(16), Stat(2**41, mtime, 0, 0, mode), version, False, rows
    )
    value = parse_canonical_json(capture_payload(unit), what="capture", max_size=2**16)
    assert set(value) == {"file", "mode", "mtime", "segments", "size", "version"}
    assert (value["version"], value["mtime"], value["mode"]) == (version, str(mtime), mode)


@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
def test_what_an_item_s_context_says_of_a_file_is_canonical_json(path, mtime, grew):
    text = members(bytes(16), mtime, path, "maildir", grew=grew)
    value = parse_canonical_json(b"{%b}" % text, what="context", max_size=2**16)
    assert (value["mtime"], value["reader"]) == (str(mtime), "maildir")
    assert value.get("grew", False) is grew
    assert path == (value["path"].encode() if "path" in value else unb64(value["path64"], what="p"))


@given(st.binary(max_size=300), st.integers(-1, 9), st.integers(-(2**63), 2**63 - 1))
def test_a_row_remembers_a_file_exactly(path, version, mtime):
    state = FileState(path, version, 0o644, mtime, 7, b"s" * SEGMENT.size)
    assert FileState.unpack(state.pack()) == state


def test_a_job_and_its_result_come_out_of_a_pipe_as_they_went_in():
    told = Stat(7, 8, 9, 10, 0o644)
    units = (
        ObservationUnit(3, "device", b"{}"),
        FileUnit(0, b"a", bytes(16), told, None, again=False, patient=True, lenient=False),
        RangeUnit(0, b"b", bytes(16), told, lenient=True, ranges=((0, 7),)),
        FileUnit(1, b"c", bytes(16), told, b"secret", again=True, patient=False, lenient=True),
    )
    results = (Said(), Done(b"mark", b"row", 7, grew=True), Missed("changed"), Same(b"mark", 7))
    for sent in (
        Job(1, "token", "2026-11-24T02:00:00Z", 2**20, units),
        JobResult(1, "token", results, 4, b"contents", b"manifest", b"keyring", 1, 2),
    ):
        stream = io.BytesIO()
        send(stream, sent)
        stream.seek(0)
        found = receive(stream)
        assert found == sent
        assert repr(found) == repr(sent)  # of the same types, all the way down


def test_a_fifo_or_a_link_in_a_file_s_place_is_not_opened_as_one(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"1")
    told = Stat.of(file.stat())
    file.unlink()
    os.mkfifo(file)
    for lenient in (False, True):
        with pytest.raises(MissedError), opened(bytes(file), told, lenient=lenient):
            pass
    file.unlink()
    file.symlink_to(__file__)
    with pytest.raises(MissedError), opened(bytes(file), told, lenient=True):
        pass


def test_a_sealing_process_carries_nothing_that_it_does_not_need():
    code = "import sys, lakzegel_agent.sealing.worker; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = set(found.stdout.decode().split())
    for name in ("requests", "pydantic", "apscheduler", "watchdog", "psutil", "ssl", "asyncio"):
        assert name not in loaded, name
    assert "lakzegel_agent.ledger" not in loaded


def test_a_sealing_process_can_be_started_before_its_agent_imports_what_sealing_needs():
    code = "import sys, lakzegel_agent.sealing.pool; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = set(found.stdout.decode().split())
    for name in ("requests", "pydantic", "zstandard", "sqlite3", "ssl", "asyncio"):
        assert name not in loaded, name
    assert "lakzegel_agent.sealing.sealer" not in loaded


def test_an_upload_is_read_as_often_as_it_is_asked_for(tmp_path):
    spool = Spool.open(tmp_path / "spool")
    for kind, data in (("head", b"1"), ("body", b"2" * 300_000), ("keyring", b"3")):
        spool.path(0, 4, kind).write_bytes(data)
    upload = spool.upload(0, 4)
    assert len(upload) == 300_002
    sent = [b"".join(map(bytes, upload)) for _ in range(2)]
    assert sent[0] == sent[1] == b"1" + b"2" * 300_000 + b"3"
    assert max(map(len, upload)) <= 2**18
    assert spool.used() == 300_002


def test_tidying_removes_what_the_ledger_does_not_know(tmp_path):
    spool = Spool.open(tmp_path / "spool")
    for name in ("0-1.head", "0-1.body", "0-1.keyring", "0-2.head", "0-3.ab.body.part", "x"):
        (spool.folder / name).write_bytes(b"1")
    spool.tidy([(0, 1)])
    assert {path.name for path in spool.folder.iterdir()} == {"0-1.head", "0-1.body", "0-1.keyring"}
    spool.remove(0, 1)
    spool.remove(0, 1)
    assert spool.used() == 0


@pytest.mark.parametrize(
    ("folder", "path", "excluded"),
    [
        ("a", b"a/b", True),
        ("a", b"x/a/b", True),
        ("a", b"a", False),
        ("a", b"ab/c", False),
        ("/a/", b"x/a/b", True),
        ("x/a", b"x/a/b", True),
        ("x/a", b"y/x/a/b", False),
        ("x/a", b"x/ab/c", False),
        ("/top/x", b"x/1", True),
        ("/top/x", b"y/x/1", False),
        ("", b"a/b", False),
        ("/", b"a/b", False),
    ],
)
def test_an_excluded_folder_is_a_name_or_a_path(folder, path, excluded):
    assert excluder([folder], b"/top")(path) is excluded
