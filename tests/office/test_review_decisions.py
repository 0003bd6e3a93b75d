# SPDX-License-Identifier: EUPL-1.2
"""What was decided: whatever people do, the journal says it, and what it says is what counts."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakzegel_office.collection.model import Query
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.journal import Journal, journal_key
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import read_settings

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
KEY = bytes(range(32))
UNITS = ["aa", "bb", "cc"]
PEOPLE = ["anna", "bas"]
CLASSES = list(Class)
SOME = st.sets(st.sampled_from(UNITS), min_size=1)
WHO = st.sampled_from(PEOPLE)
STEP = st.one_of(
    st.tuples(st.just("decide"), WHO, SOME, st.sampled_from(CLASSES)),
    st.tuples(st.just("dispute"), WHO, SOME),
    st.tuples(st.just("undo"), WHO, st.integers(0, 9)),
    st.tuples(st.just("destroyed"), WHO, SOME),
)

SETTLED = [
    ("dispute", "anna", {"aa"}),
    ("decide", "anna", {"aa"}, Class.PRIVATE),
    ("decide", "bas", {"aa"}, Class.PRIVATE),
]


@pytest.fixture
def book(tmp_path):
    return Book(tmp_path / "review.jsonl", KEY)


def decide(book, unit, to, actor="anna", reason=""):
    return book.decide([unit], Class(to), actor=actor, reason=reason, now=NOW)


def test_the_newest_decision_counts_and_is_kept_with_who_and_why(book):
    decide(book, "aa", "prive", reason="verjaardag")
    decide(book, "aa", "zakelijk", actor="bas", reason="toch werk")
    found = book.standing("aa")
    assert (found.class_, found.actors, found.reason) == (Class.BUSINESS, ("bas",), "toch werk")
    assert [act.actor for act, _ in book.history("aa")] == ["anna", "bas"]
    assert book.standing("bb").open


def test_undo_brings_back_what_was_before_and_can_itself_be_undone(book):
    decide(book, "aa", "prive")
    decide(book, "aa", "partij")
    book.undo([1], actor="anna", reason="", now=NOW)
    assert book.standing("aa").class_ is Class.PRIVATE
    book.undo([2], actor="anna", reason="", now=NOW)
    assert book.standing("aa").class_ is Class.PARTY


def test_nobody_undoes_what_another_decided(book):
    decide(book, "aa", "prive")
    with pytest.raises(UsageError, match="is anna's"):
        book.undo([0], actor="bas", reason="", now=NOW)


def test_a_dispute_needs_two_people_who_agree(book):
    decide(book, "aa", "prive")
    book.dispute(["aa"], actor="bas", reason="gaat over de begroting", now=NOW)
    assert book.standing("aa").open
    assert list(book.removable()) == []
    decide(book, "aa", "prive", actor="anna")
    decide(book, "aa", "prive", actor="anna")
    assert book.standing("aa").disputed, "one person twice is one person"
    decide(book, "aa", "zakelijk", actor="bas")
    assert book.standing("aa").disputed, "they do not agree"
    decide(book, "aa", "prive", actor="carla")
    found = book.standing("aa")
    assert (found.class_, found.actors, found.disputed) == (
        Class.PRIVATE,
        ("anna", "carla"),
        False,
    )
    with pytest.raises(UsageError, match="raise a dispute"):
        decide(book, "aa", "zakelijk", actor="bas")
    book.dispute(["aa"], actor="bas", reason="nogmaals", now=NOW)
    assert book.standing("aa").disputed


def test_after_destruction_nothing_changes(book, tmp_path):
    decide(book, "aa", "prive")
    row = {"act": "destroyed", "actor": "bas", "certificate": "2026-1", "units": ["aa"]}
    Journal(tmp_path / "review.jsonl", KEY).append(row, NOW)
    for attempt in (
        lambda: decide(book, "aa", "zakelijk"),
        lambda: book.undo([0], actor="anna", reason="", now=NOW),
        lambda: book.dispute(["aa"], actor="anna", reason="nee", now=NOW),
    ):
        with pytest.raises(UsageError):
            attempt()
    found = book.standing("aa")
    assert (found.class_, found.certificate, found.open) == (Class.PRIVATE, "2026-1", False)
    assert list(book.removable()) == []
    assert book.anew(["aa", "bb"], actor="anna", now=NOW) == {"aa"}
    assert book.standing("aa").open
    decide(book, "aa", "partij")
    assert list(book.removable()) == ["aa"]
    book.undo([0], actor="anna", reason="", now=NOW)  # it is of what is gone, and says nothing
    assert book.standing("aa").class_ is Class.PARTY
    assert book.destroyed(["aa"], actor="anna", certificate="2026-2", now=NOW) == {"aa"}
    assert book.standing("aa").certificate == "2026-2"


def test_two_reviewers_at_once_see_what_the_other_decided(book, tmp_path):
    other = Book(tmp_path / "review.jsonl", KEY)
    decide(book, "aa", "prive")
    decide(other, "bb", "zakelijk", actor="bas")
    assert book.refresh() == {"bb"}
    assert book.standing("bb").actors == ("bas",)
    assert other.standing("aa").class_ is Class.PRIVATE


def test_lines_that_are_cut_off_while_a_review_is_open_are_damage(book, tmp_path):
    path = tmp_path / "review.jsonl"
    decide(book, "aa", "prive")
    with path.open("ab") as file:
        file.write(b"x" * 9_000)  # what a crash left
    assert book.refresh() == set()
    decide(Book(path, KEY), "bb", "prive")
    assert book.refresh() == {"bb"}
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:1]))
    with pytest.raises(DoubtError, match="cut off"):
        book.refresh()


def test_more_units_than_a_line_holds_are_one_go_and_one_undo(book, monkeypatch):
    monkeypatch.setattr("lakzegel_office.review.book.MAX_UNITS", 2)
    book.decide(UNITS, Class.PRIVATE, actor="anna", reason="", now=NOW)
    last = book.last_of("anna")
    assert [act.units for act in last] == [("aa", "bb"), ("cc",)]
    book.undo([act.line for act in last], actor="anna", reason="", now=NOW)
    assert all(book.standing(unit).open for unit in UNITS)
    assert book.last_of("anna") == ()


@pytest.mark.parametrize(
    "row",
    [
        {"act": "erase", "actor": "a", "units": ["aa"]},
        {"act": "decide", "actor": "a", "class": "geheim", "reason": "", "units": ["aa"]},
        {"act": "decide", "actor": "a", "class": "prive", "reason": "", "units": []},
        {"act": "decide", "actor": "a", "class": "prive", "reason": "", "units": ["b", "a"]},
        {"act": "decide", "actor": "a", "class": "prive", "reason": "", "units": [1]},
        {"act": "decide", "actor": "a", "class": "prive", "units": ["aa"]},
        {"act": "undo", "actor": "a", "reason": "", "lines": [0]},
        {"act": "undo", "actor": "a", "reason": "", "lines": [True]},
        {"act": "dispute", "actor": 1, "reason": "", "units": ["aa"]},
        {"act": "destroyed", "actor": "a", "certificate": "", "units": ["aa"]},
    ],
)
def test_a_line_that_is_none_of_these_is_damage(book, tmp_path, row):
    Journal(tmp_path / "review.jsonl", KEY).append(row, NOW)
    with pytest.raises(DoubtError, match="line 1"):
        book.refresh()


@dataclass
class Told:
    """The rules of review.md §2 written once more, as a person reads them: from the start."""

    lines: list = field(default_factory=list)

    def counts(self, number, before):
        actor = self.lines[number][1]
        return not any(
            kind == "undo" and who == actor and what == number and self.counts(later, before)
            for later, (kind, who, what, *_) in enumerate(self.lines[:before])
            if later > number
        )

    def end(self, unit):
        """The line that says it was destroyed, or the end of all."""
        for number, (kind, _, what, *_) in enumerate(self.lines):
            if kind == "destroyed" and unit in what:
                return number
        return len(self.lines)

    def state(self, unit):
        end, class_, votes, settled = self.end(unit), Class.OPEN, None, False
        for number, (kind, who, what, *to) in enumerate(self.lines[:end]):
            if kind == "undo" or unit not in what or not self.counts(number, end):
                continue
            if kind == "dispute" and votes is None:
                class_, votes, settled = Class.OPEN, {}, False
            elif kind == "decide" and votes is None and not settled:
                class_ = to[0]
            elif kind == "decide" and votes is not None:
                votes[who] = to[0]
                if to[0] is not Class.OPEN and list(votes.values()).count(to[0]) > 1:
                    class_, votes, settled = to[0], None, True
        return class_, votes is not None, end < len(self.lines)


def rows_of(step):
    kind, actor, what, *more = step
    if kind == "undo":
        return {"act": kind, "actor": actor, "reason": "", "lines": [what]}
    row = {"act": kind, "actor": actor, "units": sorted(what)}
    if kind == "destroyed":
        return {**row, "certificate": "1"}
    return {**row, "reason": "", **({"class": str(more[0])} if more else {})}


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEP, max_size=10))
@example(steps=[*SETTLED, ("decide", "anna", {"aa"}, Class.BUSINESS)])
@example(steps=[*SETTLED, ("dispute", "anna", {"aa"}), ("undo", "bas", 2)])
@example(steps=[*SETTLED, ("destroyed", "bas", {"aa"}), ("undo", "bas", 2)])
def test_whatever_was_written_the_standing_is_what_the_lines_say(steps, tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "review.jsonl"
    told, book, half = Told(), Book(path, KEY), len(steps) // 2
    for step in steps:
        if step[0] != "undo" or step[2] < len(told.lines):
            told.lines.append(step)
    for some in (told.lines[:half], told.lines[half:]):
        if some:
            Journal(path, KEY).append_all([rows_of(step) for step in some], NOW)
        book.refresh()
    for unit in UNITS:
        found = book.standing(unit)
        state = (found.class_, found.disputed, found.certificate is not None)
        assert state == told.state(unit)


def test_how_far_it_is_and_what_was_decided_are_told_to_programs(world, device, collected, capsys):
    text = "11-03-2024 08:0{} - Anna: bericht {}\n"
    lines = "".join(text.format(n, n) for n in range(4))
    device.send_as("whatsapp-export", {"WhatsApp-chat met Anna.txt": [lines.encode()]})
    ids = [unit.id for unit in collected().units(Query())]
    office = Book.open(world.home, journal_key(world.vault.load("index")))
    office.decide(ids[:1], Class.PRIVATE, actor="anna", reason="thuis", now=NOW)
    office.decide(ids[1:2], Class.BUSINESS, actor="anna", reason="", now=NOW)
    capsys.readouterr()
    assert world.run("review", "--status", "--json", "--quiet") == 0
    (row,) = json.loads(capsys.readouterr().out)["custodies"].values()
    assert (row["prive"], row["zakelijk"], row["onbeslist"], row["total"]) == (1, 1, 2, 4)
    assert world.run("review", "--export-decisions", "--quiet") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["unit"]: row["class"] for row in told[:-1]} == {ids[0]: "prive", ids[1]: "zakelijk"}
    assert told[-1]["extracts"] == ["minister/0/0/0"], "what stays is in the same segment"
    assert told[-1]["head"]["lines"] == 2


def test_the_settings_are_the_governments_own_term_unless_others_are_given(tmp_path):
    assert read_settings(tmp_path).window == timedelta(days=70)
    (tmp_path / "review.toml").write_text(
        'window = "14d"\nown = ["MAILTO:ik@x.example"]\ncontacts = "c.csv"\n'
        '[windows]\nwhatsapp = "28d"\n[[contact]]\nclass = "prive"\naddress = "tel:+31600000001"\n'
    )
    (tmp_path / "c.csv").write_text("\ufeffclass,address,note\npartij,@partij.example,congres\n")
    found = read_settings(tmp_path)
    assert (found.window.days, found.windows["whatsapp"].days) == (14, 28)
    assert found.own == ("mailto:ik@x.example",)
    assert [(c.class_, c.address) for c in found.contacts] == [
        (Class.PRIVATE, "tel:+31600000001"),
        (Class.PARTY, "@partij.example"),
    ]


@pytest.mark.parametrize(
    ("toml", "csv"),
    [
        ("window = 70", ""),
        ('term = "70d"', ""),
        ('contacts = "../c.csv"', ""),
        ('contacts = "geen.csv"', ""),
        ('contacts = "c.csv"', "class,address\nonbeslist,tel:+31"),
        ('contacts = "c.csv"', "class,address\nprive,anna"),
        ('contacts = "c.csv"', "soort,adres\nprive,tel:+31"),
        ('contacts = "c.csv"', "class,address\nprive,tel:+31,x,y"),
        ("[[contact]]\nclass = 3", ""),
    ],
)
def test_settings_that_are_none_are_said_so(tmp_path, toml, csv):
    (tmp_path / "review.toml").write_text(toml)
    (tmp_path / "c.csv").write_text(csv)
    with pytest.raises(UsageError, match=r"review\.toml"):
        read_settings(tmp_path)
