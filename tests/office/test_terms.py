# SPDX-License-Identifier: EUPL-1.2
"""Whose a custody is: opened, changed, and never two people's."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_core import age
from lakzegel_core.errors import FormatError
from lakzegel_core.hold import TERM, Mark, open_mark, sign_mark
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import UsageError
from lakzegel_office.terms.model import Period, Post, PostKind, Term
from lakzegel_office.terms.register import terms_of
from lakzegel_office.terms.rules import gaps, require_consistent

DAY = timedelta(days=1)
BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
ROLE = "minister van BZK"


@pytest.fixture
def term(world, tmp_path):
    """How to run `term`; each note goes into a file of its own."""
    count = iter(range(100))
    world.pull()

    def run(act, *arguments, expect=0):
        out = tmp_path / f"term-{next(count)}.note"
        more = [out] if act in {"open", "change"} else []
        assert world.run("term", act, *map(str, [*arguments, *more])) == expect
        return out

    return run


def opened(term, custody="2026-bzk", person="A. B. de Vries", role=ROLE, *more, expect=0):
    who = ("--custody", custody, "--person", person, "--role", role)
    return term("open", *who, "--from", "2026-07-01", *more, expect=expect)


def terms(world):
    return terms_of(Office(world.home, world.config, world.vault))


def test_a_term_is_signed_for_the_log_and_names_nobody_there(world, term):
    note = opened(term, "2026-bzk", "A.  B. de Vries", ROLE, "--device", "laptop-7").read_bytes()
    mark = open_mark(note, TERM, world.config.keys["approval-1"])
    assert (mark.name, mark.state, mark.certificate) == ("2026-bzk", "opened", None)
    assert b"Vries" not in note
    sealed = (world.home.notes / "annexes" / mark.annex.hex()).read_bytes()
    assert b"Vries" not in sealed
    assert hashlib.sha256(sealed).digest() == mark.annex
    plain = age.decrypt(sealed, [world.vault.identity("escrow")], max_size=1 << 20)
    found = Term.from_annex(plain)
    assert (found.person, found.devices) == ("A. B. de Vries", ("laptop-7",))
    assert b"Vries" not in (world.home.records / "terms.jsonl").read_bytes()
    assert [row["action"] for row in world.trail()] == ["term-open"]


def test_the_note_goes_into_the_log_and_its_annex_into_the_mirror(world, term):
    world.receiver.append(opened(term).read_bytes())
    report = world.pull()
    assert report.doubts == []
    (annex,) = (world.home.mirror / "annexes").iterdir()
    assert world.receiver.annexes.keys() == {annex.name}
    assert world.run("verify", "--quiet") == 0


def test_a_custody_is_a_persons_at_each_moment_of_the_term(world, term):
    opened(term)
    known = terms(world)
    assert known.person_of("2026-bzk", BEGIN) == "A. B. de Vries"
    assert known.person_of("2026-bzk", BEGIN - timedelta(seconds=1)) is None
    assert known.person_of("another", BEGIN) is None
    before = Period(BEGIN - DAY, BEGIN)
    assert known.custodies_of("A. B. de Vries", before) == []
    assert [t.custody for t in known.custodies_of("A. B. de Vries")] == ["2026-bzk"]


def test_a_custody_is_never_another_persons(term, capsys):
    opened(term)
    opened(term, "2026-bzk", "C. Jansen", "minister van Financiën", expect=2)
    assert "is another person's, for ever" in capsys.readouterr().err


def test_a_caretaker_period_begins_where_the_full_one_ends(world, term):
    opened(term)
    later = ("--custody", "2026-bzk", "--person", "A. B. de Vries", "--role", ROLE)
    term("open", *later, "--from", "2027-01-10", "--caretaker")
    first, second = terms(world).get("2026-bzk").term.posts
    assert (first.kind, second.kind) == (PostKind.FULL, PostKind.CARETAKER)
    assert first.period.ends == second.period.begins == datetime(2027, 1, 10, tzinfo=UTC)


def test_two_posts_at_a_time_have_to_be_said(term, capsys):
    opened(term)
    other = ("2026-fin", "A. B. de Vries", "minister van Financiën")
    opened(term, *other, expect=2)
    assert "--double-post" in capsys.readouterr().err
    opened(term, *other, "--double-post")
    opened(term, "2026-bzk", *other[1:], expect=2)
    opened(term, "2026-bzk", "A. B. de Vries", "minister van OCW", "--double-post")


def test_one_role_is_one_persons_but_for_who_acts_for_him(term, capsys):
    opened(term)
    opened(term, "2026-b", "C. Jansen", expect=2)
    assert "end that first, or say --acting" in capsys.readouterr().err
    opened(term, "2026-b", "C. Jansen", ROLE, "--acting", "--until", "2026-10-01")


def test_a_device_is_in_one_custody(term, capsys):
    opened(term, "2026-a", "A. B. de Vries", ROLE, "--device", "laptop-7")
    opened(term, "2026-b", "C. Jansen", "minister van OCW", "--device", "laptop-7", expect=2)
    assert "under another name" in capsys.readouterr().err


def test_a_post_ends_and_who_follows_late_leaves_a_gap_that_is_told(term, capsys):
    opened(term)
    term("change", "--custody", "2026-bzk", "--role", ROLE, "--until", "2027-01-10")
    who = ("--custody", "2027-bzk", "--person", "C. Jansen", "--role", ROLE)
    term("open", *who, "--from", "2027-01-12")
    term("list", "--json")
    told = json.loads("{" + capsys.readouterr().out.partition("{")[2])
    assert told["vacant"] == [f"{ROLE}: nobody from 2027-01-10T00:00:00Z to 2027-01-12T00:00:00Z"]
    term("change", "--custody", "2026-bzk", "--role", ROLE, "--until", "2027-02-10", expect=2)


def test_no_note_of_a_custody_is_older_than_the_one_before_it(world, term):
    key, change = world.config.keys["approval-1"], ("change", "--custody", "2026-bzk", "--device")
    notes = [opened(term), *(term(*change, device) for device in ("a", "b"))]
    at = [open_mark(note.read_bytes(), TERM, key).at for note in notes]
    assert at == sorted(set(at))


def test_the_newest_note_can_be_written_again(world, term, tmp_path):
    note = opened(term).read_bytes()
    again = tmp_path / "again.note"
    term("show", "--custody", "2026-bzk", "--note", again)
    assert again.read_bytes() == note


@pytest.mark.parametrize(
    "more",
    [
        ("--person", ""),
        ("--role", "a\u0007b"),
        ("--custody", "Minister A"),
        ("--until", "2026-06-30"),
    ],
)
def test_what_is_no_term_is_refused_and_nothing_is_written(world, term, more):
    note = opened(term, "2026-bzk", "A. B. de Vries", ROLE, *more, expect=2)
    assert not note.exists()
    assert terms(world).newest() == []


def test_a_batch_after_the_term_was_closed_is_a_finding_and_an_alarm(world, device):
    device.send_files({"voor.txt": b"voor"})
    mark = Mark(TERM, world.config.origin, "default", "closed", None, world.receiver.now, bytes(32))
    key = world.vault.signer("approval-1", world.config.keys["approval-1"])
    world.receiver.append(sign_mark(mark, key))
    device.send_files({"na.txt": b"na"})
    codes = [doubt.code for doubt in world.pull().doubts]
    assert codes == ["after-term"]
    assert b"code after-term" in world.receiver.sent[-1]
    assert world.run("verify", "--quiet") == 1


# whatever people sign

_period = st.builds(
    lambda begin, length: Period(
        BEGIN + begin * DAY, None if length is None else BEGIN + (begin + length) * DAY
    ),
    st.integers(0, 20),
    st.none() | st.integers(1, 20),
)
_term = st.builds(
    lambda custody, person, period, role, kind: Term(
        custody, person, period, (Post(role, kind, period),)
    ),
    st.sampled_from("abcd"),
    st.sampled_from(["A", "B", "C"]),
    _period,
    st.sampled_from(["minister", "staatssecretaris"]),
    st.sampled_from(list(PostKind)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_term, max_size=6), st.integers(0, 45))
def test_whatever_is_accepted_nobody_shares_a_role_and_nobody_has_two_unsaid(wished, day):
    accepted = {}
    for term in wished:
        if term.custody in accepted and accepted[term.custody].person != term.person:
            continue
        try:
            require_consistent(term, accepted.values(), double=False)
        except UsageError:
            continue
        accepted[term.custody] = term
    at = BEGIN + day * DAY
    held = [(t.person, p) for t in accepted.values() for p in t.posts if p.period.holds(at)]
    full = [post.role for _, post in held if post.kind is not PostKind.ACTING]
    people = [person for person, _ in held]
    assert len(full) == len(set(full))
    assert len(people) == len(set(people))
    assert all("nobody from" in line for line in gaps(list(accepted.values())))


@settings(max_examples=100, deadline=None)
@given(_term, st.integers(1, 40))
def test_a_term_is_what_was_written_of_it_and_ends_with_all_its_posts(term, day):
    assert Term.from_annex(term.to_annex(bytes)) == term
    at = BEGIN + day * DAY
    if at <= term.period.begins:
        with pytest.raises(FormatError):
            term.ended(at)
        return
    ended = term.ended(at)
    assert ended.period.ends == at
    assert all(post.period.ends is not None and post.period.ends <= at for post in ended.posts)
