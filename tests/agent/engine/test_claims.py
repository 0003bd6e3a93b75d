# SPDX-License-Identifier: EUPL-1.2
"""A captured mail that is moved to an agreed folder in time is claimed; nothing else is."""

import os
from datetime import timedelta

import pytest

from lakzegel_agent.claims import Agreed, claim, recall_late
from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.readers import reader_of

FOLDERS = ("Privé", "Partij")
DAY = 86_400


@pytest.fixture
def mail(engine):
    """A Maildir of which two folders were agreed on."""
    root = os.fsencode(engine.root)
    classes = tuple(
        (class_, excluder([folder], root, Narrowing("maildir")))
        for class_, folder in zip(("prive", "partij"), FOLDERS, strict=True)
    )

    class Mail:
        agreed = Agreed("docs", "maildir", root, classes, 70 * DAY)

        def put(self, path, data=b"From: a\n\nEen bericht.\n", *, age=1):
            target = engine.write(path, data)
            then = (engine.now - timedelta(days=age)).timestamp()
            os.utime(target, (then, then))

        def move(self, old, new):
            (engine.root / new).parent.mkdir(parents=True, exist_ok=True)
            (engine.root / old).rename(engine.root / new)

        def look(self):
            history = reader_of("maildir").history
            engine.watch(
                reader="maildir",
                exclude_folders=FOLDERS,
                narrowing=Narrowing(
                    "maildir", late=recall_late(engine.ledger, "docs"), history=history
                ),
            )
            engine.capture()
            return claim(engine.ledger, self.agreed, engine.now)

        def claims(self):
            engine.capture()  # seals what was queued
            return engine.archive().observations("claim")

    return Mail()


def test_a_captured_mail_that_was_moved_is_claimed_by_its_history(engine, mail):
    mail.put("INBOX/cur/1:2,S")
    mail.look()
    mail.move("INBOX/cur/1:2,S", "Privé/cur/9:2,S")
    assert mail.look()
    (said,) = mail.claims()
    (capture,) = engine.archive().of_kind("capture")
    assert said["class"] == "prive"
    assert said["files"] == [
        {
            "file": capture.payload["file"],
            "from": "INBOX/cur/1:2,S",
            "path": "Privé/cur/9:2,S",
            "versions": 1,
        }
    ]
    assert engine.ledger.counts().reasons == {"excluded-folder": 1}
    assert engine.ledger.imbalances() == []


def test_the_folder_gives_the_class(mail):
    mail.put("INBOX/cur/1")
    mail.look()
    mail.move("INBOX/cur/1", "Partij/cur/1")
    mail.look()
    assert [said["class"] for said in mail.claims()] == ["partij"]


def test_a_mail_that_was_first_met_there_is_left_out_without_a_claim(engine, mail):
    mail.put("INBOX/cur/1", b"iets anders")
    mail.put("Privé/cur/2", age=1000)
    assert not mail.look()
    assert mail.claims() == []
    assert [*engine.archive().latest()] == [b"INBOX/cur/1"]


def test_a_move_is_claimed_once(mail):
    mail.put("INBOX/cur/1")
    mail.look()
    mail.move("INBOX/cur/1", "Privé/cur/1")
    mail.look()
    assert not mail.look()
    mail.move("Privé/cur/1", "Privé/cur/1:2,S")
    assert not mail.look()
    assert len(mail.claims()) == 1


def test_after_the_term_it_is_neither_left_out_nor_claimed(engine, mail):
    mail.put("INBOX/cur/1", age=71)
    mail.look()
    mail.move("INBOX/cur/1", "Privé/cur/1")
    assert mail.look()
    assert not mail.look()
    assert mail.claims() == []
    assert "Privé/cur/1".encode() in engine.archive().latest()


def test_a_kind_that_does_not_hold_one_mail_a_file_makes_no_claims(engine, mail):
    mail.put("INBOX/cur/1")
    mail.look()
    mail.agreed = Agreed("docs", "mbox", mail.agreed.root, mail.agreed.classes, 70 * DAY)
    mail.move("INBOX/cur/1", "Privé/cur/1")
    assert not mail.look()
