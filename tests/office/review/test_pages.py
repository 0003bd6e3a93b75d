# SPDX-License-Identifier: EUPL-1.2
"""The review over HTTP: what it lists, shows and decides, and what it writes down of that."""

import errno
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from lakzegel_office import durable
from lakzegel_office.collection.model import Query
from lakzegel_office.journal import journal_key
from lakzegel_office.keys.login import Staff
from lakzegel_office.keys.people import Duty, Person
from lakzegel_office.review.asked import asked
from lakzegel_office.review.book import Book
from lakzegel_office.review.listing import Wanted
from lakzegel_office.review.standing import Class
from lakzegel_office.vault import INDEX
from tests.office.conftest import START

CHAT = "11-03-2024 08:0{0} - {1}: bericht {0}\n"
FOLDER = "WhatsApp-chat met Commissie"


def mail(number, subject="Stukken", text="Hierbij.", sender="Anna <anna@x.example>", **fields):
    lines = {
        "Message-ID": f"<{number}@x.example>",
        "From": sender,
        "To": "minister@minxyz.example",
        "Date": f"Mon, 11 Mar 2024 08:{number % 60:02}:10 +0100",
        "Subject": subject,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return "".join(f"{k}: {v}\n" for k, v in lines.items()).encode() + f"\n{text}\n".encode()


def ids(page, **query):
    return [unit.id for unit in page.desk.collection.units(Query(**query))]


def test_a_token_gives_one_session_and_the_reason_is_in_the_trail(world, device, review):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    with review(login=False) as page:
        token = page.sessions.new_token()
        answer = page.get(f"/login?token={token}")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        page.get(f"/login?token={token}", 403)
        assert "Waar kom je voor" in page.text("/units")
        page.post("/begin", {"reason": "verzoek 12"})
        (unit,) = ids(page)
        before = len(world.trail())
        assert "Hierbij." in page.text(f"/units/{unit}")
        page.get(f"/units/{unit}")
        (line,) = world.trail()[before:]
        assert (line["action"], line["object"], line["reason"]) == (
            "open",
            {"unit": unit},
            "verzoek 12",
        )


def test_deciding_follows_the_list_and_is_taken_back(device, review):
    device.send_as("maildir", {f"cur/{n}": [mail(n, f"Stuk {n}")] for n in range(3)})
    with review() as page:
        first = page.get("/next?state=open").url
        seen = []
        for value in ("zakelijk", "prive", "partij"):
            unit = re.search(r"/units/(\w{26})", first)[1]
            seen.append(unit)
            fields = {"unit": unit, "class": value, "back": f"/next?state=open&after={unit}"}
            first = page.post("/decide", fields).url
        assert first == page.url + "/"
        found = [page.desk.book.standing(unit).class_ for unit in seen]
        assert found == [Class.BUSINESS, Class.PRIVATE, Class.PARTY]
        assert "Alles is beslist" in page.text("/")
        page.post("/undo", {"back": "/"})
        assert page.desk.book.standing(seen[-1]).open
        (found,) = page.desk.progress().values()
        assert (found.decided, found.total) == (2, 3)


def test_a_whole_conversation_and_a_selection_are_one_go(device, review):
    lines = "".join(CHAT.format(n, "Anna") for n in range(4))
    device.send_as("whatsapp-export", {f"{FOLDER}.txt": [lines.encode()]})
    with review() as page:
        units = ids(page)
        (chat,) = page.desk.collection.conversations(Query())
        assert "bericht 3" in page.text(f"/conversations/{chat.id}")
        page.post("/decide", {"conversation": chat.id, "class": "prive"})
        page.post("/decide", {"unit": units[1:3], "class": "zakelijk", "reason": "besluit"})
        states = [page.desk.book.standing(unit).state for unit in units]
        assert states == ["prive", "zakelijk", "zakelijk", "prive"]
        assert "gemengd" in page.text(f"/conversations/{chat.id}")
        assert "uittreksel" in page.text(f"/units/{units[0]}")
        (thread,) = page.desk.listing.threads(Wanted(), page.desk.now)
        assert thread.open == 0
        page.post("/undo", {"back": "/"})
        assert {page.desk.book.standing(unit).state for unit in units} == {"prive"}


def keep(world, person):
    """Have office.toml say this of somebody."""
    config = replace(world.config, people=world.config.people.put(person))
    world.home.config.write_text(config.to_toml())


def test_what_happens_while_a_review_is_open_counts_at_once(device, review, world, monkeypatch):
    lines = "".join(CHAT.format(n, "Anna") for n in range(3))
    device.send_as("whatsapp-export", {f"{FOLDER}.txt": [lines.encode()]})
    device.send_as("maildir", {"cur/1": [mail(1, text="Tweemaal gezegd, met dezelfde woorden.")]})
    bram = Person("bram", frozenset({Duty.ARCHIVIST}), world.vault.recipient, START)
    keep(world, bram)
    with review(staff=Staff(bram, world.vault)) as page:
        gone, *units = ids(page, apps=["whatsapp"])
        (chat,) = page.desk.collection.conversations(Query(apps=["whatsapp"]))
        (letter,) = ids(page, apps=["mail"])
        device.send_as(
            "maildir", {"cur/2": [mail(2, text="Tweemaal gezegd, met dezelfde woorden.")]}
        )
        world.pull()
        assert world.run("index", "--quiet") == 0  # by another program
        assert page.get(f"/units/{letter}")
        assert "bericht 0" in page.text(f"/units/{gone}")  # its key is in memory now
        other = Book.open(world.home, journal_key(world.vault.load(INDEX)))
        other.destroyed([gone], actor="bram", certificate="1", now=START)
        for path in (f"/units/{gone}", f"/units/{gone}/raw", f"/units/{gone}/html"):
            assert "by list 1" in page.get(path, 410).text
        assert "first page" in page.get(f"/next?state=open&after={gone}", 404).text
        text = page.text(f"/conversations/{chat.id}")
        assert "bericht 0" not in text
        assert "bericht 1" in text
        page.post("/decide", {"conversation": chat.id, "class": "prive"})
        assert {page.desk.book.standing(unit).state for unit in units} == {"prive"}
        page.desk.collection.db.execute("DELETE FROM facet")  # the last of its kind was destroyed
        page.get("/")
        page.sessions._session.seen.clear()
        full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
        with monkeypatch.context() as patch:  # what cannot be written down is not shown
            patch.setattr(durable.os, "write", full)
            assert "No space left" in page.get(f"/units/{units[0]}", 503).text
        page.get(f"/units/{units[0]}")
        keep(world, replace(bram, until=START + timedelta(days=1)))
        assert "works not at this office" in page.get("/units", 400).text
    with review() as page:  # what is there though it was destroyed was captured anew
        assert gone in page.text("/units?state=open")
        page.post("/decide", {"unit": gone, "class": "partij"})
        now = page.desk.book.standing(gone)
        assert (now.class_, now.certificate) == (Class.PARTY, None)
        assert "opnieuw veiliggesteld" in page.text(f"/units/{gone}")


def test_what_is_due_comes_first_and_overdue_is_counted(device, review, world):
    (world.home.root / "review.toml").write_text('[windows]\nmail = "1h"\n')
    device.send_as("whatsapp-export", {f"{FOLDER}.txt": [CHAT.format(1, "Bas").encode()]})
    device.send_as("maildir", {"cur/1": [mail(1)]})
    with review(now=lambda: START + timedelta(days=65)) as page:
        kinds = [row.unit.app for row in page.desk.units(Wanted())]
        assert kinds == ["mail", "whatsapp"]
        (found,) = page.desk.progress().values()
        assert (found.overdue, found.soon) == (1, 1)
        assert page.text("/units?state=overdue").count("data-row") == 1


def test_what_is_due_on_one_day_comes_as_it_was_written(device, review):
    files = {f"cur/{n}": [mail(n, f"Stuk {n}")] for n in (3, 1, 4, 2)}
    device.send_as("maildir", {**files, "cur/x": [mail(0, "Zonder datum", Date="onbekend")]})
    with review() as page:
        subjects = [row.unit.subject for row in page.desk.units(Wanted())]
        assert subjects == ["Stuk 1", "Stuk 2", "Stuk 3", "Stuk 4", "Zonder datum"]
        dated = [thread.conversation.title for thread in page.desk.threads(Wanted())][:4]
        assert dated == subjects[:4]
        assert "onbekend" in page.text("/units")


def test_the_line_ends_of_a_mail_are_lines_and_no_marks(device, review):
    text = mail(1, text="Beste Anna,\n\nDank.").replace(b"\n", b"\r\n")
    device.send_as("maildir", {"cur/1": [text]})
    with review() as page:
        shown = page.text(f"/units/{ids(page)[0]}")
        assert "Beste Anna,\n\nDank.\n" in shown
        assert "U+000D" not in shown


def test_claims_and_contacts_propose_and_do_not_decide(device, review, world):
    (world.home.root / "review.toml").write_text(
        'own = ["mailto:minister@minxyz.example"]\n[[contact]]\nclass = "prive"\n'
        'address = "mailto:oma@home.example"\n[[contact]]\nclass = "partij"\n'
        'address = "@partij.example"\n'
    )
    named = device.send_as("maildir", {"INBOX/cur/1": [mail(1, "Geclaimd")]})
    row = {"file": named["INBOX/cur/1"], "from": "INBOX/cur/1", "path": "Prive/cur/1"}
    said = {"type": "claim", "class": "prive", "files": [{**row, "versions": 1}]}
    hostile = ({**said, "files": files} for files in (["x", {"path": "y"}], 5))
    claims = [device.observation(value, index=n) for n, value in enumerate((said, *hostile))]
    device.send(claims)
    device.send_as(
        "maildir",
        {
            "cur/2": [mail(2, "Oma", sender="Oma <OMA@home.example>")],
            "cur/3": [mail(3, "Congres", sender="x@partij.example")],
            "cur/4": [mail(4, "Beide", sender="x@partij.example", Cc="a@werk.example")],
            "cur/5": [mail(5, "Werk")],
        },
    )
    with review() as page:
        found = {
            unit.subject: page.desk.proposals.of(unit.id)
            for unit in page.desk.collection.units(Query())
        }
        assert found == {
            "Geclaimd": ("prive", "claim"),
            "Oma": ("prive", "contact"),
            "Congres": ("partij", "contact"),
            "Beide": ("mixed", "contact"),
            "Werk": None,
        }
        assert page.desk.book.head().count == 0
        assert page.text("/units?state=proposed").count("data-row") == 4


def test_a_dispute_on_the_page_waits_for_a_second_person(device, review):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    with review() as page:
        (unit,) = ids(page)
        page.post("/decide", {"unit": unit, "class": "prive"})
        page.post("/dispute", {"unit": unit, "reason": ""}, 400)
        page.post("/dispute", {"unit": unit, "reason": "over de begroting"})
        page.post("/decide", {"unit": unit, "class": "zakelijk"})
        text = page.text(f"/units/{unit}")
        assert "twee mensen die het eens zijn" in text
        assert page.desk.book.standing(unit).disputed


@pytest.mark.parametrize("order", ["due", "newest", "oldest"])
def test_pages_follow_each_other_by_key(device, review, order, monkeypatch):
    monkeypatch.setattr("lakzegel_office.review.views.PAGE", 2)
    files = {f"cur/{n}": [mail(n, f"Stuk {n}")] for n in range(4)}
    device.send_as("maildir", {**files, "cur/x": [mail(9, "Stuk 9", Date="onbekend")]})
    with review() as page:
        rows, path = [], f"/units?order={order}&q=stuk"
        whole = [row.unit.id for row in page.desk.units(asked_of(order))]
        desk_units = page.desk.listing.units
        monkeypatch.setattr(
            type(page.desk.listing), "units", lambda _, w, now, limit=2: desk_units(w, now, limit)
        )
        while path:
            text = page.text(path)
            rows += re.findall(r'<a id="u-(\w{26})"', text)
            found = re.search(r'rel="next" href="(/units\?[^"]+after[^"]+)"', text)
            path = found and found[1]
        assert rows == whole
        assert len(rows) == 5


def test_a_day_is_asked_for_by_the_clock_that_times_are_shown_on():
    query = asked({"from": "2024-03-30", "to": "2024-03-31"}).wanted.query  # summer time begins
    assert query.since.astimezone(UTC) == datetime(2024, 3, 29, 23, tzinfo=UTC)
    assert query.until.astimezone(UTC) == datetime(2024, 3, 31, 22, tzinfo=UTC)


def asked_of(order):
    return asked({"order": order, "q": "stuk"}).wanted


def test_ending_ends_the_session_and_the_program(world, device, review):
    device.send_as("maildir", {"cur/1": [mail(1)]})
    with review() as page:
        assert "afgelopen" in page.post("/end", {}).text
        assert page.stopped == [True]
        page.get("/", 403)
    assert [line["object"] for line in world.trail() if line["action"] == "review"] == [
        {"session": "begin"},
        {"session": "end"},
    ]
