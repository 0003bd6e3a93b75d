# SPDX-License-Identifier: EUPL-1.2
"""Looking at items: what is listed, what is recorded, what is written."""

import hashlib
import json
import os
import pwd
from pathlib import Path

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.commands import browse
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.index import IndexedItem, IndexStore
from lakzegel_office.names import ItemId

USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def pulled(world, device):
    device.send(device.file_items("cur/1", [b"een ", b"twee"]))
    device.send_files({"chat/\x1b[31m": b"drie"}, source="chats")
    device.send([device.observation({"type": "attestation"})])
    world.pull()
    return world


def test_items_are_listed_by_device_source_and_kind(pulled, capsys):
    capsys.readouterr()
    assert pulled.run("list", "--source", "mail", "--kind", "segment") == 0
    assert capsys.readouterr().out.splitlines() == [
        "minister/0/0/0\tsegment\tmail\t4\tcur/1",
        "minister/0/0/1\tsegment\tmail\t4\tcur/1",
    ]
    assert pulled.run("list", "--device", "nobody") == 0
    assert capsys.readouterr().out == ""


def test_a_name_cannot_play_with_the_terminal(pulled, capsys):
    capsys.readouterr()
    assert pulled.run("list", "--source", "chats") == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_list_for_programs_is_one_object_a_line(pulled, capsys):
    capsys.readouterr()
    assert pulled.run("list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["kind"] for row in rows].count("capture") == 2
    assert len(rows) == 6


@pytest.fixture
def labelled(world, device):
    def context(path, **more):
        return {**device.context(path, "0" * 32), **more}

    items = [
        ("cur/1", {}),
        ("cur/2", {"labels": ["classified"]}),
        ("cur/3", {"labels": ["citizen-number", "van-later", "\x1b[31m"]}),
        ("cur/4", {"labels": "classified"}),
        ("cur/5", {"labels": [1, None, {"a": []}]}),
        ("cur/6", {"labels": []}),
    ]
    device.send(
        [
            device.seal(payload=b"x", context=context(path, **more), index=number)
            for number, (path, more) in enumerate(items)
        ]
    )
    world.pull()
    return world


def test_labels_stand_behind_the_items_that_have_some(labelled, capsys):
    capsys.readouterr()
    assert labelled.run("list") == 0
    assert [line.split("\t")[4:] for line in capsys.readouterr().out.splitlines()] == [
        ["cur/1"],
        ["cur/2", "classified"],
        ["cur/3", "citizen-number", "van-later", "\\x1b[31m"],
        ["cur/4"],
        ["cur/5"],
        ["cur/6"],
    ]


def test_items_are_listed_by_label_and_show_tells_all_of_one(labelled, capsys):
    capsys.readouterr()
    for label, paths in (
        ("classified", ["cur/2"]),
        ("van-later", ["cur/3"]),
        ("any", ["cur/2", "cur/3"]),
        ("none", []),
    ):
        assert labelled.run("list", "--label", label, "--json") == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [row["context"]["path"] for row in rows] == paths
    assert labelled.run("show", "minister/0/0/2") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == [
        "citizen-number",
        "van-later",
        "\x1b[31m",
    ]
    assert labelled.run("show", "minister/0/0/4") == 0
    assert json.loads(capsys.readouterr().out)["labels"] == []


def test_what_labels_hold_is_never_a_reason_not_to_open_an_item(labelled, capfdbinary):
    for number in range(6):
        capfdbinary.readouterr()
        assert labelled.run("open", f"minister/0/0/{number}", "--reason", "x") == 0
        assert capfdbinary.readouterr().out == b"x"


def test_show_tells_place_and_history(pulled, capsys):
    capsys.readouterr()
    assert pulled.run("show", "minister/0/0/1") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["core"]["size"] == 4
    assert shown["history"] == ["minister/0/0/2"]
    assert shown["place"]["log_index"] == 3


def test_opening_an_item_is_recorded_before_its_bytes_are_shown(pulled, tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    out = tmp_path / "out"
    assert pulled.run("open", "minister/0/0/0", "--reason", "Woo 2026-14", "--out", str(out)) == 0
    assert out.read_bytes() == b"een "
    (line,) = pulled.trail()
    assert (line["action"], line["object"]) == ("open", {"item": "minister/0/0/0"})
    assert (line["reason"], line["result"]) == ("Woo 2026-14", "done")
    assert line["actor"] == USER
    assert line["origin"].startswith(f"{USER}@")


def test_an_item_that_does_not_open_was_recorded_all_the_same(pulled, monkeypatch):
    def break_off(*_):
        raise DoubtError("broken off")

    monkeypatch.setattr(browse, "_bytes_of", break_off)
    assert pulled.run("open", "minister/0/0/0", "--reason", "x") == 1
    assert len(pulled.trail()) == 1


def test_the_trail_begins_with_what_the_former_one_came_to(pulled):
    former = pulled.home.state / "audit.jsonl"
    former.write_bytes(b'{"action":"open"}\n')
    for _ in range(2):
        assert pulled.run("open", "minister/0/0/0", "--reason", "x") == 0
    digest = b64(hashlib.sha256(b'{"action":"open"}\n').digest())
    assert [line["action"] for line in pulled.trail()] == ["continue", "open", "open"]
    assert pulled.trail()[0]["object"] == {"trail": digest}


def test_a_restore_is_recorded_too(pulled, tmp_path):
    assert pulled.run("restore", "--device", "minister", "--out", str(tmp_path / "out")) == 0
    (line,) = pulled.trail()
    assert (line["action"], line["object"]["device"]) == ("restore", "minister")


def test_opening_a_capture_writes_the_whole_file(pulled, capfdbinary):
    capfdbinary.readouterr()
    assert pulled.run("open", "minister/0/0/2", "--reason", "x") == 0
    assert capfdbinary.readouterr().out == b"een twee"


def test_opening_never_overwrites_and_never_goes_without_a_reason(pulled, tmp_path):
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    assert pulled.run("open", "minister/0/0/0", "--reason", "x", "--out", str(out)) == 2
    assert pulled.run("open", "minister/0/0/0", "--reason", " ") == 2
    assert out.read_bytes() == b"mine"


def test_a_changed_audit_line_stops_the_next_opening(pulled, tmp_path):
    for _ in range(3):
        assert pulled.run("open", "minister/0/0/0", "--reason", "echt") == 0
    path = pulled.home.records / "audit.jsonl"
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third)
    out = tmp_path / "out"
    assert pulled.run("open", "minister/0/0/0", "--reason", "x", "--out", str(out)) == 1
    assert not out.exists()


def test_the_trail_is_shown_as_lines_and_as_json(pulled, tmp_path, capsys):
    assert pulled.run("open", "minister/0/0/0", "--reason", "een\nregel") == 0
    assert pulled.run("restore", "--device", "minister", "--out", str(tmp_path / "out")) == 0
    capsys.readouterr()
    assert pulled.run("trail", "--action", "open") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split("\t")[2:] == ["open", "item minister/0/0/0", "done", "een\\nregel"]
    assert pulled.run("trail", "--json", "--actor", USER) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["number"] for row in rows] == [0, 1]
    assert pulled.run("trail", "--actor", "nobody") == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "2 lines" in shown.err


def test_an_item_that_is_not_there_is_a_usage_error(pulled, capsys):
    for item in ("minister/0/0/9", "minister/0/9/0", "nobody/0/0/0"):
        assert pulled.run("show", item) == 2
    with pytest.raises(UsageError):
        ItemId.parse("minister/0/1")


def test_nothing_that_was_opened_lies_readable_below_the_home(pulled):
    for path in pulled.home.root.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert b"cur/1" not in data
            assert b"chats" not in data


def test_a_pull_and_a_search_that_index_one_batch_at_once_both_go_on(tmp_path, monkeypatch):
    store = IndexStore(tmp_path, bytes(32))
    store.make_folders()
    line = IndexedItem(0, "", {"kind": "segment"}, {}, None)
    real = Path.replace

    def other_first(path, target):
        monkeypatch.setattr(Path, "replace", real)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            store.write("b", [line])
        return real(path, target)

    monkeypatch.setattr(Path, "replace", other_first)
    store.write("b", [line])
    assert list(store.read("b")) == [line]
    (tmp_path / "index" / "b.7.part").write_bytes(b"torn")
    store.forget("b")
    assert not list((tmp_path / "index").iterdir())
