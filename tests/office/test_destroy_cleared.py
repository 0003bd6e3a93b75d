# SPDX-License-Identifier: EUPL-1.2
"""What review does not let go gets on no list, and what was destroyed review knows."""

import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_office.collection.model import Query, Unit, UnitKind
from lakzegel_office.destroying.clearing import Clearance
from lakzegel_office.destroying.lists import Lists
from lakzegel_office.destroying.selection import Category
from lakzegel_office.errors import UnreachableError, UsageError
from lakzegel_office.review.book import Book
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import Settings
from tests.office.disposing import carry_out, decide, office_of
from tests.office.mails import letter
from tests.office.review.conftest import reviewing

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATE, YEARS = NOW - timedelta(days=71), NOW - timedelta(days=800)


def unit(at=YEARS, first_seen=LATE):
    texts = dict.fromkeys(("conversation", "device", "source", "at_text", "subject", "snippet"), "")
    more = {"sender": None, "size": 1, "attachments": 0, "labels": (), "captures": 1}
    return Unit(
        id="aa",
        kind=UnitKind.MAIL,
        custody="c",
        app="mail",
        at=at,
        first_seen=first_seen,
        **texts,
        **more,
    )


def category(term="1y", appraisal="V", classes=()):
    return Category("7", appraisal, term, "grond", "over", classes=classes)


@pytest.fixture
def cleared(tmp_path):
    """Why a unit that was decided on so may not go, or that it may."""

    def why(found, by, *steps):
        book = Book(tmp_path / "review.jsonl", bytes(32))
        for actor, to in steps:
            if to == "dispute":
                book.dispute(["aa"], actor=actor, reason="nee", now=NOW)
            else:
                book.decide(["aa"], Class(to), actor=actor, reason="", now=NOW)
        try:
            Clearance(book, Settings(), NOW).require([found], by)
        except UsageError as error:
            return str(error)
        return ""

    return why


NEW = unit(first_seen=NOW - timedelta(days=69))


@pytest.mark.parametrize(
    ("found", "by", "steps", "why"),
    [
        (unit(), category("0d"), ["prive"], ""),
        (unit(), category("0d"), ["partij"], ""),
        (unit(), category(), ["prive"], ""),
        (unit(), category(), ["zakelijk"], ""),
        (unit(), category(), [], ""),  # nobody decided in its window: business
        (unit(at=LATE), category("30d"), ["zakelijk"], ""),
        (NEW, category(), [], "aa: onbeslist: its window runs until 2026-11-25"),
        (unit(first_seen=None), category(), [], "aa: onbeslist: its window runs; decide"),
        (unit(), category("0d"), [], "aa: onbeslist, which counts as zakelijk after its window"),
        (unit(), category("0d"), ["zakelijk"], "aa: zakelijk: category 7 has no term"),
        (unit(), category("9y"), ["zakelijk"], "aa: zakelijk: must not go by .* 2033-"),
        (unit(), category("9y"), ["prive"], "aa: prive: must not go by category 7: not before"),
        (unit(), category("0d"), ["prive", "dispute"], "aa: in dispute: two people settle"),
        (unit(), category(), ["dispute", "zakelijk"], "aa: in dispute"),
        (unit(), category("", "B"), ["prive"], "aa: prive: must not .*: appraisal B$"),
        (unit(), category("", "N"), ["zakelijk"], "zakelijk: must not .* N, to be decided first"),
        (unit(), category("0d", classes=("partij",)), ["prive"], "category 7 is not about it"),
        (unit(), category("0d", classes=("partij",)), ["partij"], ""),
    ],
)
def test_what_may_go_and_why_the_rest_may_not(cleared, found, by, steps, why):
    assert re.search(why or "^$", cleared(found, by, *(("anna", step) for step in steps)))


@pytest.fixture
def mails(world, device, collected):
    device.send_as("maildir", {"cur/1": [letter(1, "Zangzaad")], "cur/2": [letter(2, "Vogelkooi")]})
    collected().close()
    office_of(world)


def propose(world, query):
    ground = ("--ground", "verzoek", "--category", "prive", "--query", query)
    return world.run("destroy", "propose", *ground)


def book_of(world):
    return Book.open(world.home, office_of(world).journal_key)


def test_what_is_contested_after_its_approval_is_taken_off_and_stays(world, mails, capsys):
    assert propose(world, "zangzaad") == 2
    assert "onbeslist" in capsys.readouterr().err
    (unit,) = decide(world, "zangzaad")
    assert propose(world, "zangzaad") == 0
    assert world.run("approve", "1") == 0
    book_of(world).dispute([unit], actor="bas", reason="toch werk", now=NOW)
    with pytest.raises(UsageError, match=f"review took 1 units off it: {unit}: in dispute"):
        carry_out(world)
    assert not [entry for entry in world.receiver.log if b"/keyring-change/" in entry[:40]]
    assert world.run("approve", "1") == 2


@pytest.mark.soak
def test_a_run_that_was_cut_off_destroys_nothing_that_was_taken_off_since(
    world, device, collected, monkeypatch
):
    for number, text in enumerate(("Zangzaad", "Vogelkooi")):
        device.send_as("maildir", {f"cur/{number}": [letter(number, f"{text} prive")]})
    collected().close()
    units = decide(world, "prive")
    propose(world, "prive")
    world.run("approve", "1")
    works, calls = world.receiver.replace_keyring, []

    def once(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise UnreachableError("away")
        works(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(world.receiver, "replace_keyring", once)
        with pytest.raises(UnreachableError):
            carry_out(world)
    world.pull()
    with closing(collected()) as collection:
        (gone,) = {one.unit for one in collection.gone()}
        (left,) = set(units) - {gone}
    world.run("hold", "set", "woo-1", "--reason", "Woo", "--query", "prive")
    folder = carry_out(world)
    said = (folder / "uitvoering.xml").read_text()
    assert f'<nietVernietigd kenmerk="{left}"' in said
    assert Lists(office_of(world)).get(1).units == (gone,)
    assert book_of(world).standing(gone).certificate == "1"
    assert book_of(world).standing(left).certificate is None
    with closing(collected()) as collection:
        assert [unit.id for unit in collection.units(Query())] == [left]
    assert world.run("verify", "--open", "--quiet") == 0


def test_review_knows_what_was_destroyed_and_by_which_list(world, mails, capsys):
    (unit,) = decide(world, "zangzaad")
    propose(world, "zangzaad")
    world.run("approve", "1")
    folder = carry_out(world)
    assert book_of(world).standing(unit).certificate == "1"
    assert 'klasse="prive"' in (folder / "verklaring.xml").read_text()
    lines = book_of(world).head().count
    carry_out(world)
    assert book_of(world).head().count == lines
    with reviewing(world) as page:
        assert f"{unit}: destroyed, by list 1" in page.text(f"/units/{unit}", status=410)
