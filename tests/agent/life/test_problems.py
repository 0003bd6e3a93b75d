# SPDX-License-Identifier: EUPL-1.2
"""Problems: ids that tell nothing, and names that stay in the ledger."""

import json
import re

from lakzegel_agent.failures import subject_of
from lakzegel_agent.problems import NAME, Found, Problems, problem_id, read_problems


def test_an_id_is_the_same_for_as_long_as_the_ledger_is(device):
    device.problems.add(device.ledger, "unreachable", "once")
    (found,) = device.problems.listed()
    device.problems.clear(device.ledger, "unreachable")
    device.problems.add(device.ledger, "unreachable", "again")
    assert re.fullmatch("[a-z2-7]{8}", found.id)
    assert device.problems.listed()[0].id == found.id


def test_another_ledger_gives_another_id(device, kit, tmp_path):
    other = kit.Device(tmp_path / "other", device.receiver, device.pins)
    ids = {problem_id(one.ledger, "files-failed", "x") for one in (device, other)}
    other.ledger.close()
    assert len(ids) == 2


def test_each_subject_has_an_id_and_a_count_and_those_that_are_over_go(device):
    ledger, problems = device.ledger, device.problems
    first = {
        subject_of("s1", "unreadable"): Found("a", 3),
        subject_of("s2", "changing"): Found("b"),
    }
    assert len(problems.state(ledger, "files-failed", first)) == 2
    began = {p.id: p.since for p in problems.listed()}
    device.now = device.now.replace(year=device.now.year + 1)
    assert (
        problems.state(ledger, "files-failed", {subject_of("s1", "unreadable"): Found("a", 9)})
        == []
    )
    (left,) = problems.listed()
    assert (left.count, left.since) == (9, began[left.id])
    assert problems.state(ledger, "files-failed", {}) == []
    assert not problems.has("files-failed")


def test_what_it_is_about_is_kept_and_not_shown(device):
    device.problems.add(device.ledger, "source-missing", "mail", about=["/home/jan/Mail"])
    (kept,) = read_problems(device.ledger)
    assert kept.about == ("/home/jan/Mail",)
    assert "jan" not in json.dumps(kept.shown())
    assert b"jan" not in (device.root / "ledger.sqlite").read_bytes()


def test_a_path_in_a_detail_is_taken_out(device):
    for text, shown in (
        ("/home/jan de boer/x.eml: no room", "…: no room"),
        ("cannot read '~/Mail/x'; later", "cannot read '…; later"),
        (r"C:\Users\jan\x, or so", "…, or so"),
        ("https://receiver.example/v1: cannot reach", "https://receiver.example/v1: cannot reach"),
        ("batch 0/12: not 3/4 of it", "batch 0/12: not 3/4 of it"),
    ):
        device.problems.add(device.ledger, "no-room", text)
        assert device.problems.listed()[0].detail == shown


def test_problems_of_a_ledger_from_before_ids_are_taken_up(device):
    row = {"code": "polling", "since": "2026-01-01T00:00:00Z", "detail": "1", "next": "x"}
    device.ledger.remember(NAME, json.dumps([row]).encode())
    again = Problems(device.clock)
    again.load(device.ledger)
    assert again.listed()[0].id == problem_id(device.ledger, "polling", "")
    again.clear(device.ledger, "polling")
    assert read_problems(device.ledger) == []
