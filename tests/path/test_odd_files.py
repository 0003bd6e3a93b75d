# SPDX-License-Identifier: EUPL-1.2
"""File names are bytes, and not everything with a name can be read: each has its line."""

import os
import socket

import pytest

NAMES = (
    b"met spaties en  twee",
    b"regel\neinde",
    b"tab\tterug\r",
    b"-begint met een streep",
    b"ongeldig \xff\xfe utf-8",
    "décembre ✓ 日本".encode(),
    b"n" * 255,
    b"'quote\" $HOME `id` %s",
    b"\x01\x1b[31mrood",
    b".verborgen",
    b"punt.",
)


def test_odd_names_come_back_byte_for_byte(ready, tmp_path, same_tree):
    folder = os.fsencode(ready.sources["map"][1])
    for number, name in enumerate(NAMES):
        below = folder
        if number % 2:
            below = folder + b"/" + NAMES[number - 1][:250] + b".map"
            os.mkdir(below)  # noqa: PTH102 - bytes
        with open(below + b"/" + name, "wb") as file:  # noqa: PTH123 - bytes
            file.write(b"inhoud van " + name)
    report = ready.once()
    assert report["failed"] == 0
    assert report["found"] == report["sealed"] == len(NAMES)
    ready.pull()
    ready.verify("--quiet")
    assert same_tree(folder, ready.restore() / "map") == []


def test_what_is_no_regular_file_has_its_line_and_stops_nothing(ready):
    folder = ready.sources["map"][1]
    (folder / "gewoon.txt").write_text("gewoon")
    (folder / "lus").symlink_to(folder)
    (folder / "naar-buiten").symlink_to("/etc/passwd")
    (folder / "weg").symlink_to(folder / "bestaat-niet")
    os.mkfifo(folder / "buis")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "stopcontact"))
    report = ready.once()
    listening.close()
    assert report["failed"] == 0
    assert (report["found"], report["sealed"], report["excluded"]) == (6, 1, 5)
    assert ready.status()["reasons"].keys() >= {"symlink", "fifo", "socket"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_an_unreadable_file_is_failed_and_the_rest_is_sealed(ready):
    folder = ready.sources["map"][1]
    (folder / "mag.txt").write_text("mag")
    (folder / "mag niet.txt").write_text("mag niet")
    (folder / "mag niet.txt").chmod(0)
    done = ready.once(expect=1)
    assert "1 failed" in done.stderr or '"failed": 1' in done.stdout


def test_a_file_that_changes_is_captured_again_and_both_versions_come_back(ready):
    file = ready.sources["map"][1] / "notitie.txt"
    file.write_text("eerst")
    ready.once()
    file.write_text("daarna, langer")
    ready.once()
    ready.pull()
    out = ready.restore()
    assert (out / "map/notitie.txt").read_text() == "daarna, langer"
    assert [p.read_text() for p in (out / ".versions").rglob("*") if p.is_file()] == ["eerst"]


def test_a_file_that_vanishes_stays_in_the_archive_and_is_said(ready):
    file = ready.sources["map"][1] / "notitie.txt"
    file.write_text("bewaar mij")
    ready.once()
    file.unlink()
    ready.once()
    ready.pull()
    assert (ready.restore() / "map/notitie.txt").read_text() == "bewaar mij"
    rows = ready.office("list", "--kind", "observation", "--json").stdout
    assert "observation" in rows


def test_empty_folders_and_empty_files_come_back(ready, same_tree):
    folder = ready.sources["map"][1]
    (folder / "leeg" / "dieper").mkdir(parents=True)
    (folder / "niets.txt").touch()
    ready.once()
    ready.pull()
    assert same_tree(folder, ready.restore() / "map") == []


def test_a_second_run_without_changes_seals_nothing_again(ready):
    (ready.sources["map"][1] / "a.txt").write_text("a")
    first = ready.once()
    second = ready.once()
    assert first["batches"] >= 1
    assert second["batches"] == 0
    assert (second["found"], second["sealed"]) == (1, 1)
