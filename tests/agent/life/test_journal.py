# SPDX-License-Identifier: EUPL-1.2
"""The log: BIO2's fields, words of lists and numbers, in files that only their owner reads."""

import io
import json
import logging

import pytest

from lakzegel_agent import journal


def lines(folder):
    return [json.loads(line) for line in (folder / "agent.log").read_text().splitlines()]


def test_a_line_has_the_six_fields_and_its_numbers(tmp_path):
    with journal.open_log(tmp_path / "log", origin="5f0c11aa"):
        journal.note("receipt", "batch", actor="receiver", numbers={"epoch": 0, "batch": 12})
    (line,) = lines(tmp_path / "log")
    assert line.pop("time").endswith("Z")
    words = {"action": "receipt", "object": "batch", "result": "ok", "origin": "5f0c11aa"}
    assert line == words | {"actor": "receiver", "epoch": 0, "batch": 12}


def test_only_the_owner_can_read_it(tmp_path):
    with journal.open_log(tmp_path / "log"):
        journal.note("start", "agent")
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "log/agent.log").stat().st_mode & 0o777 == 0o600


def test_text_that_is_no_code_does_not_get_in(tmp_path):
    with journal.open_log(tmp_path / "log"):
        journal.note("refusal", "batch", code="Jan de Boer", id_="/home/jan")
    (line,) = lines(tmp_path / "log")
    assert not {"code", "id"} & line.keys()


def test_files_are_as_large_and_as_many_as_they_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "SIZE", 1_000)
    with journal.open_log(tmp_path / "log"):
        for number in range(200):
            journal.note("batch-sealed", "batch", numbers={"batch": number})
    files = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert files == ["agent.log", *(f"agent.log.{n}" for n in range(1, 6))]
    assert all(path.stat().st_size <= 1_000 for path in (tmp_path / "log").iterdir())
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in (tmp_path / "log").iterdir())
    assert lines(tmp_path / "log")[-1]["batch"] == 199


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log/agent.log").symlink_to(tmp_path / "elsewhere")
    with journal.open_log(tmp_path / "log"):
        journal.note("start", "agent")
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_ends_nothing(tmp_path, monkeypatch, capsys):
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(28, "No space left on device")

    with journal.open_log(tmp_path / "log"):
        handler = logging.getLogger("lakzegel.journal").handlers[-1]
        with monkeypatch.context() as patch:
            patch.setattr(handler, "stream", Full())
            journal.note("start", "agent")
    assert capsys.readouterr().err == ""


def test_a_command_beside_a_working_agent_adds_a_line(tmp_path):
    with journal.open_log(tmp_path / "log"):
        journal.note("start", "agent")
        with journal.append_to(tmp_path / "log"):
            pass
    with journal.append_to(tmp_path / "log"):
        journal.note("explain", "problem", actor="user")
    assert [line["action"] for line in lines(tmp_path / "log")] == ["start", "explain"]


@pytest.mark.parametrize("open_it", [journal.open_log, journal.append_to])
def test_without_a_place_for_it_nothing_is_written_and_nothing_breaks(tmp_path, open_it):
    (tmp_path / "file").write_bytes(b"")
    with open_it(tmp_path / "file" / "log"):
        journal.note("start", "agent")
