# SPDX-License-Identifier: EUPL-1.2
"""The audit trail in sum, what is out of the ordinary, and the check by an independent person."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_office.__main__ import main
from lakzegel_office.audit import Actor, AuditTrail
from lakzegel_office.journal import Entry, Journal, journal_key
from lakzegel_office.unusual import MANY, Unusual, by_person
from lakzegel_office.vault import INDEX

MONDAY = datetime(2027, 1, 4, 10, 0, tzinfo=UTC)


def entry(number, at, **changes):
    says = {"action": "open", "actor": "anna", "result": "done", "object": {}, "reason": "x"}
    return Entry(number, at, {**says, **changes})


def unusual(*entries, known=None, left=None):
    looking = Unusual(known or {}, left or {}, UTC)
    return [list(looking.look(one)) for one in entries]


def test_what_is_done_by_day_in_the_week_is_not_unusual():
    assert unusual(*(entry(n, MONDAY + timedelta(minutes=n)) for n in range(40))) == [[]] * 40


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"at": MONDAY.replace(hour=3)}, ["at 03:00"]),
        ({"at": MONDAY.replace(hour=19)}, ["at 19:00"]),
        ({"at": MONDAY - timedelta(days=1)}, ["on a weekend"]),
        ({"at": MONDAY.replace(hour=3), "action": "hold"}, []),
        ({"result": "refused"}, ["refused"]),
        ({"actor": "root"}, ["by nobody who logs in by name"]),
    ],
)
def test_each_reason_to_ask_is_named(changes, said):
    at = changes.pop("at", MONDAY)
    known = {"anna": MONDAY - timedelta(days=30)}
    assert unusual(entry(0, at, **changes), known=known) == [said]


def test_before_people_logged_in_by_name_no_name_is_unusual():
    known = {"anna": MONDAY + timedelta(days=1)}
    assert unusual(entry(0, MONDAY, actor="root"), known=known) == [[]]


def test_what_somebody_does_after_he_left_is_unusual():
    known, left = {"anna": MONDAY - timedelta(days=30)}, {"anna": MONDAY}
    said = unusual(
        entry(0, MONDAY), entry(1, MONDAY + timedelta(seconds=1)), known=known, left=left
    )
    assert said == [[], ["by somebody who had left"]]


def test_many_openings_within_an_hour_are_told_once_by_the_person_who_did_them():
    rows = [entry(n, MONDAY + timedelta(seconds=n), actor="ab"[n % 2]) for n in range(2 * MANY + 9)]
    told = [(rows[i].says["actor"], why) for i, why in enumerate(unusual(*rows)) if why]
    assert told == [(who, [f"more than {MANY} within an hour"]) for who in "ab"]


def test_a_clock_that_went_back_is_unusual():
    assert unusual(entry(0, MONDAY), entry(1, MONDAY - timedelta(hours=1)))[1] == [
        "the clock went back"
    ]


def test_sums_are_by_month_and_person():
    rows = [entry(0, MONDAY), entry(1, MONDAY, action="prove"), entry(2, MONDAY, actor="bram")]
    rows.append(entry(3, MONDAY + timedelta(days=31)))
    assert [(row.month, row.actor, row.counts) for row in by_person(rows)] == [
        ("2027-01", "anna", {"open": 1, "prove": 1}),
        ("2027-01", "bram", {"open": 1}),
        ("2027-02", "anna", {"open": 1}),
    ]


@pytest.fixture
def trail(world):
    """A trail of two acts, and how to add to it."""
    key = journal_key(world.vault.load(INDEX))

    def add(action="open"):
        trail = AuditTrail(world.home, key, Actor("anna", "anna@here"))
        trail.record(action, {"item": "minister/0/0/0"}, now=MONDAY)

    add()
    add("prove")
    return add


def test_a_kept_head_finds_what_was_cut_changed_or_put_anew(world, trail, tmp_path, capsys):
    kept = tmp_path / "heads"
    assert world.run("trail", "--keep", str(kept)) == 0
    assert world.run("trail", "--check", str(kept)) == 0
    trail()
    assert world.run("trail", "--check", str(kept)) == 0
    path = world.home.records / "audit.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole.split(b"\n")[0] + b"\n")
    capsys.readouterr()
    assert world.run("trail", "--check", str(kept)) == 1
    assert "cut off its end" in capsys.readouterr().err
    path.unlink()
    for _ in range(4):
        trail()  # a trail as long, made anew
    assert world.run("trail", "--check", str(kept)) == 1
    path.unlink()
    assert world.run("trail", "--check", str(kept)) == 1


def test_what_is_no_file_of_heads_is_refused(world, trail, tmp_path):
    kept = tmp_path / "heads"
    for change in (b"", b"lakzegel.nl/heads/v2", b"audit 1 x\n", b"\xff"):
        kept.write_bytes(change)
        assert world.run("trail", "--check", str(kept)) == 2
    kept.unlink()
    assert world.run("trail", "--keep", str(kept)) == 0
    assert world.run("trail", "--keep", str(kept)) == 2  # it exists
    whole = kept.read_bytes()
    for change in (
        whole.replace(b"audit 2", b"audit 02"),
        whole.replace(b"log log.example/test", b"log log.example/other"),
        whole[: whole.index(b"audit")],
    ):
        kept.write_bytes(change)
        assert world.run("trail", "--check", str(kept)) == 2


def test_the_check_of_an_independent_person_is_on_record(world, trail, tmp_path, capsys):
    file = tmp_path / "otto"
    file.write_text("otto weet dit alleen\n")
    new = ["--new-passphrase-file", str(file), "--work-factor", "5"]
    assert world.run("staff", "add", "otto", "--roles", "audit", *new) == 0
    kept = tmp_path / "heads"
    home = ["--home", str(world.home.root)]
    own = [*home, "--passphrase-file", str(file), "--as", "otto"]
    assert main(["trail", *own, "--keep", str(kept)]) == 0
    assert world.run("trail", "--check", str(kept)) == 0
    assert main(["trail", *own, "--check", str(kept)]) == 0
    key = journal_key(world.vault.load(INDEX))
    said = [e.says for e in Journal(world.home.records / "keys.jsonl", key).read()]
    assert [(row["event"], row["independent"]) for row in said] == [
        ("trail-check", "no"),
        ("trail-check", "yes"),
    ]
    assert said[1]["by"] == "otto"


def test_the_command_sums_and_picks_a_period(world, trail, capsys):
    capsys.readouterr()
    assert world.run("trail", "--sums") == 0
    assert "2027-01\tanna\topen 1, prove 1" in capsys.readouterr().out
    assert world.run("trail", "--sums", "--from", "2027-02-01") == 0
    assert "anna" not in capsys.readouterr().out
    assert world.run("trail", "--json", "--to", "2027-01-04", "--action", "prove") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["number"] == 1
