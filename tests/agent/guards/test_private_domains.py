# SPDX-License-Identifier: EUPL-1.2
"""How much mail goes to private addresses, by the heads of mails that are made here."""

from __future__ import annotations

import email
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime, getaddresses
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.guards import of_newmail
from lakzegel_agent.guards.base import Reading, Surroundings
from lakzegel_agent.guards.checking import Found, compare, shown
from lakzegel_agent.guards.of_mailheads import parse_head
from lakzegel_agent.guards.private_domains import GUARD
from lakzegel_agent.guards.remembered import GuardNotes

from .conftest import NOW, Kept, Make, policy, readings, states

OWN = "jan.devries@minxyz.example"
OTHER = "piet@minxyz.example"
CITIZEN = "burger@gmail.com"
YESTERDAY = NOW - timedelta(days=1)
NUMBERS = count()


def mail(
    sender: str,
    *to: str,
    subject: str = "Overleg",
    when: datetime = YESTERDAY,
    name: str = "",
    more: str = "",
) -> bytes:
    """A mail with a head, and a body that would be found if it were read."""
    name = name or f"<{next(NUMBERS)}@x.example>"
    return (
        f"Message-ID: {name}\nDate: {format_datetime(when)}\nFrom: {sender}\n"
        f"To: {', '.join(to)}\nSubject: {subject}\n{more}\n"
        "To: in-the-body@gmail.com\nSubject: Fwd: body\n"
    ).encode()


def put(path: Path, data: bytes, when: datetime = YESTERDAY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def box(*mails: bytes) -> bytes:
    """Mails as they lie one behind another in an mbox."""
    return b"".join(b"From - Fri Nov 27 11:55:47 2026\n" + one + b"\n" for one in mails)


@pytest.fixture
def around(around: Make, memory: Kept) -> Make:
    """Surroundings whose notes are the same from one look to the next."""
    notes = GuardNotes(memory, "private-domains")
    return lambda *sources, **changed: around(*sources, **{"notes": notes, **changed})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the source."""
    folder = tmp_path / "mail"
    folder.mkdir()
    return folder


ACCOUNTS = f"""
[[source]]
name = "s0"
kind = "maildir"
path = "/nowhere"
accounts = ["{OWN}"]
"""


def look(make: Make, root: Path, kind: str = "eml", **changed: object) -> dict[str, object]:
    return states(readings(GUARD, make((kind, root), **changed)))


def one(found: dict[str, object]) -> dict[str, object]:
    """What was found besides that the source is done."""
    assert found.pop("source s0") == ("compliant", "")
    return found


def value(make: Make, root: Path, subject: str, kind: str = "eml") -> object:
    found = {one.subject: one for one in readings(GUARD, make((kind, root)))}
    return found[subject].value


def test_mail_from_and_to_private_domains_is_counted_by_domain(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    put(root / "2.eml", mail("Burger <ander@GMAIL.com>", OWN))
    put(root / "3.eml", mail("x@hotmail.nl", OWN))
    put(root / "4.eml", mail(OWN, CITIZEN, "bedrijf@bedrijf.example", OTHER))
    put(root / "5.eml", mail(OTHER, OWN))
    put(root / "6.eml", mail(OWN, OTHER, more=f"Bcc: {CITIZEN},\n  x@ziggo.nl\n"))
    found = one(look(around, root))
    assert found == {
        "received-from-private gmail.com": ("compliant", "received-from-private"),
        "received-from-private hotmail.nl": ("compliant", "received-from-private"),
        "sent-to-private gmail.com": ("compliant", "sent-to-private"),
        "sent-to-private ziggo.nl": ("compliant", "sent-to-private"),
    }
    assert value(around, root, "received-from-private gmail.com") == {"count": 2, "days": 30}


def test_what_came_today_is_counted_tomorrow(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN, when=NOW - timedelta(hours=1)), NOW)
    assert one(look(around, root)) == {}
    found = one(look(around, root, now=NOW + timedelta(days=1)))
    assert set(found) == {"received-from-private gmail.com"}


@pytest.mark.parametrize(
    "subject",
    [
        "Fwd: stuk",
        "FW: stuk",
        "fwd : stuk",
        "Re: Fwd: stuk",
        "Antw: FW: stuk",
        "Doorgestuurd: stuk",
        "Fwd[2]: stuk",
        "=?utf-8?q?Fwd=3A_=C3=A9=C3=A9n?=",
        Header("Doorgestuurd: één", "utf-8").encode(),
    ],
)
def test_the_third_forward_to_one_private_address_is_found(
    around: Make, root: Path, subject: str
) -> None:
    to = "thuis@ziggo.nl"
    for n in range(2):
        put(root / f"{n}.eml", mail(OWN, to, subject=subject, when=NOW - timedelta(days=n + 2)))
    assert set(one(look(around, root))) == {"sent-to-private ziggo.nl"}
    put(root / "2.eml", mail(OWN, to, subject=subject, when=NOW), NOW)
    (found,) = [x for x in readings(GUARD, around(("eml", root))) if "forwarded" in x.subject]
    assert (str(found.state), found.reason) == ("drifted", "forwards-by-hand")
    assert found.since == datetime(2026, 11, 27, tzinfo=NOW.tzinfo)
    assert found.value == {"count": 3, "days": 30}


@pytest.mark.parametrize(
    "subject", ["Re: stuk", "Forward planning: x", "stuk Fwd: x", "Fwd", "W: x", "=?x?q?Fwd=3A?="]
)
def test_other_subjects_are_no_forward(around: Make, root: Path, subject: str) -> None:
    for n in range(5):
        put(root / f"{n}.eml", mail(OWN, "thuis@ziggo.nl", subject=subject))
    assert set(one(look(around, root))) == {"sent-to-private ziggo.nl"}


def test_forwards_to_several_people_or_to_colleagues_are_no_pattern(
    around: Make, root: Path
) -> None:
    for n in range(3):
        put(root / f"{n}.eml", mail(OWN, f"a{n}@ziggo.nl", OTHER, subject="Fwd: x"))
        put(root / f"c{n}.eml", mail(OWN, "x@bedrijf.example", subject="Fwd: x"))
    found = one(look(around, root))
    assert {state for state, _ in found.values()} == {"compliant"}
    assert f"forwarded to {OTHER}" not in found
    assert "forwarded to x@bedrijf.example" not in found


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("jan.devries@gmail.com", ("drifted", "forwards-by-hand")),
        ("jandevries1970@gmail.com", ("drifted", "forwards-by-hand")),
        ("jan_devries+werk@devries.example", ("drifted", "forwards-by-hand")),
        ("piet@gmail.com", None),
        ("jan@gmail.com", None),
    ],
)
def test_an_address_with_the_users_own_name_counts_whatever_the_subject(
    around: Make, root: Path, to: str, expected: tuple[str, str] | None
) -> None:
    folder = root / OWN / "Sent" / "cur"
    for n in range(3):
        put(folder / f"{n}:2,S", mail(OWN, to, subject="Stuk"))
    found = one(look(around, root, "maildir", policy=policy(ACCOUNTS)))
    assert found.get(f"forwarded to {to}") == expected


def test_a_name_of_a_function_is_nobodys_own(around: Make, root: Path) -> None:
    own = "minister@minxyz.example"
    for n in range(3):
        put(root / own / "Sent" / "cur" / f"{n}", mail(own, "minister@elders.example"))
    chosen = policy(ACCOUNTS.replace(OWN, own))
    assert one(look(around, root, "maildir", policy=chosen)) == {}


def test_mail_that_was_redirected_counts_as_forwarded(around: Make, root: Path) -> None:
    more = f"Resent-From: {OWN}\nResent-To: thuis@ziggo.nl\n"
    for n in range(3):
        put(root / f"{n}.eml", mail("x@bedrijf.example", OWN, more=more))
    assert one(look(around, root)) == {
        "forwarded to thuis@ziggo.nl": ("drifted", "forwards-by-hand")
    }


def test_with_agreed_accounts_a_colleagues_mail_is_not_the_users(around: Make, root: Path) -> None:
    put(root / OWN / "INBOX" / "cur" / "1", mail(OTHER, CITIZEN, OWN))
    assert one(look(around, root, "maildir", policy=policy(ACCOUNTS))) == {}
    put(root / "2.eml", mail(OTHER, CITIZEN, OWN))
    assert set(one(look(around, root))) == {"sent-to-private gmail.com"}


def test_every_kind_is_read_where_its_mail_lies(around: Make, root: Path) -> None:
    data = mail(CITIZEN, OWN)
    put(root / "eml" / "a.eml", data)
    put(root / "eml" / "a.txt", mail("x@ziggo.nl", OWN))
    put(root / "maildir" / ".Sub" / "new" / "1", data)
    put(root / "maildir" / ".Sub" / "tmp" / "2", mail("x@ziggo.nl", OWN))
    put(root / "emlx" / "V10" / "1.emlx", f"{len(data)}\n".encode() + data + b"<plist></plist>")
    put(root / "mbox" / "Inbox", box(mail(OWN, OTHER), data))
    put(root / "mbox" / "Inbox.msf", box(mail("x@ziggo.nl", OWN)))
    put(root / "mbox" / "notes.txt", mail("x@ziggo.nl", OWN))
    for kind in ("eml", "maildir", "emlx", "mbox"):
        found = one(look(around, root / kind, kind))
        assert set(found) == {"received-from-private gmail.com"}, kind
    assert look(around, root / "eml", "pst") == {}


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files that were opened."""
    names: list[str] = []
    real = of_newmail.opened

    def noting(path: Path) -> object:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(of_newmail, "opened", noting)
    return names


def test_what_was_looked_at_is_not_opened_again_not_even_when_a_flag_renames_it(
    around: Make, root: Path, opened: list[str]
) -> None:
    path = put(root / "new" / "1", mail(CITIZEN, OWN))
    old = put(root / "cur" / "old", mail(CITIZEN, OWN), NOW - timedelta(days=31))
    first = look(around, root, "maildir")
    (root / "cur").mkdir(exist_ok=True)
    path.rename(root / "cur" / "1:2,S")
    put(root / "new" / "2", mail(CITIZEN, OWN))
    assert set(look(around, root, "maildir")) == set(first)
    assert opened == ["1", "2"]
    assert old.exists()


def test_what_is_excluded_or_of_another_account_is_not_opened(
    around: Make, root: Path, opened: list[str]
) -> None:
    for folder in (OWN, "prive@gmail.com"):
        put(root / folder / "INBOX" / "cur" / "1", mail(CITIZEN, OWN))
        put(root / folder / "Privé" / "cur" / "2", mail("x@ziggo.nl", OWN))
    found = look(around, root, "maildir", policy=policy(ACCOUNTS), excluded=("Privé",))
    assert set(one(found)) == {"received-from-private gmail.com"}
    assert opened == ["1"]


def test_a_copy_of_a_mail_in_another_folder_is_the_same_mail(around: Make, root: Path) -> None:
    for folder in ("INBOX", "Archief"):
        put(root / folder / "cur" / "1", mail(CITIZEN, OWN, name="<same@x.example>"))
    look(around, root, "maildir")
    subject = "received-from-private gmail.com"
    assert value(around, root, subject, "maildir") == {"count": 1, "days": 30}


def test_after_thirty_days_nothing_is_left_of_it(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    put(root / "old.eml", mail("x@ziggo.nl", OWN, when=NOW - timedelta(days=31)))
    assert set(one(look(around, root))) == {"received-from-private gmail.com"}
    assert one(look(around, root, now=NOW + timedelta(days=31))) == {}
    notes = around().notes
    assert json.loads(notes.get("rest") or b"")["rows"] == []
    assert notes.get("files") == b""


def test_two_thousand_mails_are_looked_at_a_time_and_it_says_how_many_wait(
    around: Make, root: Path
) -> None:
    for n in range(2_010):
        put(root / f"{n}.eml", mail(OTHER, OWN), YESTERDAY + timedelta(seconds=n))
    (found,) = readings(GUARD, around(("eml", root)))
    assert (found.subject, found.reason, found.value) == ("source s0", "not-finished", {"left": 10})
    assert one(look(around, root)) == {}


def test_a_mailbox_is_read_on_from_where_it_ended(around: Make, root: Path, monkeypatch) -> None:
    path = put(root / "Sent", box(*(mail(OTHER, OWN) for _ in range(5))))
    look(around, root, "mbox")
    heads: list[int] = []
    real = of_newmail._head

    def noting(view: object, begin: int, end: int) -> object:
        heads.append(begin)
        return real(view, begin, end)

    monkeypatch.setattr(of_newmail, "_head", noting)
    look(around, root, "mbox")
    assert heads == []
    put(path, path.read_bytes() + box(mail(CITIZEN, OWN)))
    assert set(one(look(around, root, "mbox"))) == {"received-from-private gmail.com"}
    assert len(heads) == 2  # the last one again, and the new one


def test_a_mailbox_that_was_written_anew_is_read_anew_and_counted_once(
    around: Make, root: Path
) -> None:
    kept = mail(CITIZEN, OWN, name="<kept@x.example>")
    path = put(root / "Inbox", box(mail(OTHER, OWN), mail("x@ziggo.nl", OWN), kept))
    look(around, root, "mbox")
    put(path, box(kept, mail("y@ziggo.nl", OWN)))
    found = {x.subject: x.value for x in readings(GUARD, around(("mbox", root)))}
    assert found["received-from-private gmail.com"] == {"count": 1, "days": 30}
    assert found["received-from-private ziggo.nl"] == {"count": 2, "days": 30}


def test_a_large_mailbox_is_read_in_several_looks(around: Make, root: Path, monkeypatch) -> None:
    monkeypatch.setattr("lakzegel_agent.guards.private_domains.MAX_MAILS", 3)
    put(root / "Inbox", box(*(mail(OTHER, OWN) for _ in range(7)), mail(CITIZEN, OWN)))
    for _ in range(2):
        assert look(around, root, "mbox")["source s0"] == ("unknown", "not-finished")
    assert set(one(look(around, root, "mbox"))) == {"received-from-private gmail.com"}


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 1000, b"no head at all\n\nbody", b"From: a@gmail.com\nX: " + b"x" * 70_000],
)
def test_a_mail_without_a_head_is_unknown(around: Make, root: Path, data: bytes) -> None:
    put(root / "1.eml", data)
    put(root / "2.eml", mail(CITIZEN, OWN))
    found = look(around, root)
    assert found["source s0"] == ("unknown", "not-understood")
    assert look(around, root)["source s0"] == ("unknown", "not-understood")
    assert "received-from-private gmail.com" in found


def test_a_link_is_not_followed(around: Make, root: Path, tmp_path: Path) -> None:
    other = put(tmp_path / "other.eml", mail(CITIZEN, OWN))
    (root / "1.eml").symlink_to(other)
    (root / "folder").symlink_to(tmp_path)
    assert one(look(around, root)) == {}


def test_without_agreed_domains_nothing_can_be_told(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    assert look(around, root, domains=frozenset()) == {"mail": ("unknown", "no-agreed-domains")}


def test_a_folder_that_cannot_be_looked_through_is_unknown(
    around: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    monkeypatch.setattr(of_newmail, "MAX_ENTRIES", 1)
    assert look(around, root)["source s0"] == ("unknown", "too-many")


def test_a_folder_that_tells_names_and_shows_no_file_is_unknown(
    around: Make, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    put(root / "2.eml", mail(CITIZEN, OWN))
    real = os.lstat

    def refused(path: Any, **how: Any) -> os.stat_result:
        if os.fsencode(path).endswith(b"/2.eml"):
            raise PermissionError(13, "Permission denied")
        return real(path, **how)

    monkeypatch.setattr(os, "lstat", refused)
    assert look(around, root)["source s0"] == ("unknown", "unreadable")


def test_notes_of_another_version_are_found_anew(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(CITIZEN, OWN))
    first = look(around, root)
    for files, rest in ((b"x", b"{}"), (b"", b"[]"), (b"", b'{"rows":[[1]]}'), (b"", b"\xff")):
        surroundings = around(("eml", root))
        surroundings.notes.put("files", files)
        surroundings.notes.put("rest", rest)
        assert states(readings(GUARD, surroundings)) == first


def test_it_sees_no_name_and_no_domain(around: Make, root: Path) -> None:
    for n in range(3):
        put(root / f"{n}.eml", mail(OWN, "thuis@ziggo.nl", subject="Fwd: geheim"))
    found: tuple[Reading, ...] = tuple(readings(GUARD, around(("eml", root))))
    looked, _ = compare(Found(GUARD, "report", found), None, "2026-11-30T09:00:00Z")
    row = shown(looked, GUARD, "report")
    assert row["reasons"] == {"forwards-by-hand": 3, "sent-to-private": 3}
    text = json.dumps(row)
    assert "ziggo" not in text
    assert "geheim" not in json.dumps([str(one) for one in found])


def test_nothing_of_the_body_is_looked_at(around: Make, root: Path) -> None:
    put(root / "1.eml", mail(OWN, OTHER))
    assert one(look(around, root)) == {}


@given(st.binary(max_size=400))
def test_any_bytes_have_a_head_or_none(data: bytes) -> None:
    for whole in (True, False):
        parse_head(data, whole=whole)
        parse_head(b"From: " + data + b"\nTo: " + data + b"\nSubject: =?" + data, whole=whole)


@pytest.mark.parametrize(
    "part", [b'"', b"<", b"(", b",", b"a@b,", b'"\\', b"=?a?q?", b"=?", b"re: ", b" \n ", b"\n"]
)
def test_a_hostile_head_takes_little_time(part: bytes) -> None:
    many = part * (60_000 // len(part))
    begin = time.process_time()
    parse_head(b"From: " + many + b"\nSubject: " + many, whole=True)
    assert time.process_time() - begin < 2


def test_a_look_is_over_all_sources(around: Make, root: Path) -> None:
    put(root / "a" / "1.eml", mail(CITIZEN, OWN))
    put(root / "b" / "cur" / "1", mail("x@ziggo.nl", OWN))
    surroundings: Surroundings = around(("eml", root / "a"), ("maildir", root / "b"))
    assert set(states(readings(GUARD, surroundings))) == {
        "source s0",
        "source s1",
        "received-from-private gmail.com",
        "received-from-private ziggo.nl",
    }


def test_heads_of_real_mail_are_read_as_pythons_own_parser_reads_them() -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "mail-spamassassin"
    files = sorted(folder.glob("*.eml"))
    if not files:
        pytest.skip("no corpus of real mail beside this checkout")
    for path in files:
        data = path.read_bytes()
        data = data.partition(b"\n")[2] if data.startswith(b"From ") else data
        head = parse_head(data[: 64 * 1024], whole=False)
        assert head is not None, path.name
        theirs = email.message_from_bytes(data)
        senders = {one.lower() for _, one in getaddresses(theirs.get_all("From", [])) if one}
        assert set(head.sender) == {one for one in senders if one.count("@") == 1}, path.name
