# SPDX-License-Identifier: EUPL-1.2
"""The office's journals: chained, encrypted, whole after a crash."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from lakzegel_office import durable
from lakzegel_office.errors import DoubtError
from lakzegel_office.journal import EMPTY, Journal, journal_key

NOW = datetime(2026, 11, 24, 2, 7, 45, tzinfo=UTC)
KEY = journal_key(b"k" * 32)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "records" / "acts.jsonl", KEY)


def says(journal):
    return [entry.says for entry in journal.read()]


def lines(tmp_path):
    return (tmp_path / "records" / "acts.jsonl").read_bytes().splitlines(keepends=True)


def write(tmp_path, rows):
    (tmp_path / "records" / "acts.jsonl").write_bytes(b"".join(rows))


def test_what_was_written_is_read_in_order(journal):
    assert says(journal) == []
    for number in range(3):
        assert journal.append({"number": number}, NOW).number == number
    assert says(journal) == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert [entry.at for entry in journal.read()] == [NOW] * 3


def test_nothing_of_an_entry_can_be_read_without_the_key(journal, tmp_path):
    journal.append({"reason": "Woo-verzoek van Jansen"}, NOW)
    assert b"Jansen" not in b"".join(lines(tmp_path))
    with pytest.raises(DoubtError, match="line 1"):
        says(Journal(tmp_path / "records" / "acts.jsonl", journal_key(b"j" * 32)))


def test_the_head_is_known_without_a_key(journal, tmp_path):
    assert journal.head() == EMPTY
    journal.append({}, NOW)
    keyless = Journal(tmp_path / "records" / "acts.jsonl", b"")
    assert keyless.head().count == 1


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_line_that_a_crash_cut_off_says_nothing_and_goes_with_the_next(journal, tmp_path, cut):
    journal.append({"n": 1}, NOW)
    journal.append({"n": 2}, NOW)
    first, second = lines(tmp_path)
    write(tmp_path, [first, second[:cut]])
    assert says(journal) == [{"n": 1}]
    journal.append({"n": 3}, NOW)
    assert says(journal) == [{"n": 1}, {"n": 3}]


@pytest.mark.parametrize("where", ["first", "middle", "swapped", "missing", "time", "garbage"])
def test_a_changed_journal_is_refused_and_not_written_to(journal, tmp_path, where):
    for number in range(3):
        journal.append({"number": number}, NOW)
    rows = lines(tmp_path)
    if where == "swapped":
        rows[0], rows[1] = rows[1], rows[0]
    elif where == "missing":
        del rows[1]
    elif where == "time":
        rows[2] = rows[2].replace(b"02:07:45", b"02:07:46")
    elif where == "garbage":
        rows[1] = b"{}\n"
    else:
        number = 0 if where == "first" else 1
        value = json.loads(rows[number])
        value["sealed"] = "AAAA" + value["sealed"][4:]
        text = json.dumps(value, separators=(",", ":"), sort_keys=True)
        rows[number] = text.encode() + b"\n"
    write(tmp_path, rows)
    with pytest.raises(DoubtError):
        says(journal)
    if where != "time":  # the last line's time is under its seal alone
        with pytest.raises(DoubtError):
            Journal(tmp_path / "records" / "acts.jsonl", KEY).append({}, NOW)
    assert lines(tmp_path) == rows


def test_a_full_disk_leaves_the_journal_as_it_was(journal, tmp_path, monkeypatch):
    journal.append({"n": 1}, NOW)
    before = lines(tmp_path)
    real = os.write

    def some(descriptor, data):
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[: len(data) - 90])

    monkeypatch.setattr(durable.os, "write", some)
    with pytest.raises(OSError, match="No space"):
        journal.append({"n": 2}, NOW)
    monkeypatch.undo()
    assert lines(tmp_path) == before
    journal.append({"n": 3}, NOW)
    assert says(journal) == [{"n": 1}, {"n": 3}]


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "acts.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DoubtError, match="not a regular file"):
        Journal(tmp_path / "acts.jsonl", KEY).append({}, NOW)
    assert not (tmp_path / "elsewhere").exists()


def append_many(path, who):
    journal = Journal(path, KEY)
    for number in range(20):
        journal.append({"who": who, "number": number}, NOW)


def test_what_another_one_appended_meanwhile_is_followed_from_where_it_was_known(journal, tmp_path):
    other = Journal(tmp_path / "records" / "acts.jsonl", KEY)
    for number in range(3):
        (journal, other)[number % 2].append({"number": number}, NOW)
    assert says(journal) == [{"number": number} for number in range(3)]


def test_a_journal_that_was_put_back_to_an_earlier_one_goes_on_from_there(journal, tmp_path):
    journal.append({"n": 1}, NOW)
    earlier = lines(tmp_path)
    journal.append({"n": 2}, NOW)
    write(tmp_path, earlier)
    journal.append({"n": 3}, NOW)
    assert says(journal) == [{"n": 1}, {"n": 3}]


def test_several_entries_are_written_in_one_go(journal):
    first, second = journal.append_all([{"n": 1}, {"n": 2}], NOW)
    assert (first.number, second.number) == (0, 1)
    assert [entry.number for entry in journal.read(first=1)] == [1]


def test_two_that_append_at_once_make_one_chain(journal, tmp_path):
    path = tmp_path / "records" / "acts.jsonl"
    with ThreadPoolExecutor(2) as both:  # each opens the file anew: to the lock they are strangers
        list(both.map(append_many, [path, path], "ab"))
    found = says(journal)
    assert len(found) == 40
    for who in "ab":
        assert [row["number"] for row in found if row["who"] == who] == list(range(20))


def test_a_journal_cannot_be_taken_for_another(journal, tmp_path):
    journal.append({"n": 1}, NOW)
    other = tmp_path / "records" / "holds.jsonl"
    other.write_bytes(b"".join(lines(tmp_path)))
    with pytest.raises(DoubtError):
        says(Journal(other, KEY))
