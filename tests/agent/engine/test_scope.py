# SPDX-License-Identifier: EUPL-1.2
"""What is not on the list of accounts is counted, and never opened."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.exclusion import Narrowing, excluder
from lakzegel_agent.scope import accounts_of, servers, tells_accounts

PREFS = """\
// Mozilla User Preferences
user_pref("mail.account.account1.identities", "id1,id2");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.account.account2.identities", "id3");
user_pref("mail.account.account2.server", "server2");
user_pref("mail.account.account3.server", "server3");
user_pref("mail.identity.id1.useremail", "Minister@minxyz.example");
user_pref("mail.identity.id2.useremail", "kabinet@minxyz.example");
user_pref("mail.identity.id3.useremail", "thuis@home.example");
user_pref("mail.server.server1.directory-rel", "[ProfD]ImapMail/imap.minxyz.example");
user_pref("mail.server.server1.userName", "minister");
user_pref("mail.server.server2.directory-rel", "[ProfD]ImapMail/imap.home.example");
user_pref("mail.server.server3.directory-rel", "[ProfD]Mail/Local Folders");
"""


@pytest.fixture
def profile(tmp_path):
    folder = tmp_path / "abcd.default"
    (folder / "ImapMail").mkdir(parents=True)
    (folder / "prefs.js").write_text(PREFS)
    return folder


def narrowed(root, kind, *accounts, folders=()):
    return excluder(folders, os.fsencode(root), Narrowing(kind, accounts))


def test_thunderbird_says_whose_a_folder_of_mail_is(profile):
    is_out = narrowed(profile.parent, "mbox", "minister@minxyz.example")
    assert is_out.reason(b"abcd.default/ImapMail/imap.minxyz.example/INBOX") is None
    assert is_out.reason(b"abcd.default/ImapMail/imap.minxyz.example/A.sbd/B") is None
    assert is_out.reason(b"abcd.default/ImapMail/imap.home.example/INBOX") == "other-account"
    assert is_out.reason(b"abcd.default/Mail/Local Folders/Archief") == "other-account"
    assert is_out.reason(b"abcd.default/prefs.js") == "other-account"


def test_a_root_inside_the_profile_is_the_same_mail(profile):
    is_out = narrowed(profile / "ImapMail", "mbox", "KABINET@minxyz.example")
    assert is_out.reason(b"imap.minxyz.example/INBOX") is None
    assert is_out.reason(b"imap.home.example/INBOX") == "other-account"


def test_a_folder_without_an_address_is_named_as_it_is_called(profile):
    is_out = narrowed(profile, "mbox", "Local Folders")
    assert is_out.reason(b"Mail/Local Folders/Archief") is None
    assert is_out.reason(b"ImapMail/imap.minxyz.example/INBOX") == "other-account"


def test_without_readable_preferences_nothing_is_in_scope_by_an_address(profile, tmp_path):
    (profile / "prefs.js").unlink()
    (tmp_path / "elsewhere").write_text(PREFS)
    (profile / "prefs.js").symlink_to(tmp_path / "elsewhere")
    is_out = narrowed(profile, "mbox", "minister@minxyz.example")
    assert is_out.reason(b"ImapMail/imap.minxyz.example/INBOX") == "other-account"


def test_maildir_has_a_folder_an_account():
    is_out = narrowed("/home/m/Mail", "maildir", "minister@minxyz.example")
    assert is_out.reason(b"Minister@minxyz.example/INBOX/cur/1") is None
    assert is_out.reason(b"thuis@home.example/INBOX/cur/1") == "other-account"
    assert is_out.reason(b"minister@minxyz.example") == "other-account"
    assert is_out.reason(b"cur/1") == "other-account"


def test_an_agreed_folder_of_the_account_is_left_out_as_such():
    is_out = narrowed("/home/m/Mail", "maildir", "a@b.example", folders=["Privé"])
    assert is_out.reason("a@b.example/Privé/cur/1".encode()) == "excluded-folder"
    assert is_out.reason("c@d.example/Privé/cur/1".encode()) == "other-account"


def test_a_mail_folder_that_is_a_file_is_a_folder_to_the_annex():
    is_out = narrowed("/p", "mbox", folders=["Privé", "Archief/Partij"])
    for path in ("Privé", "Privé.msf", "Privé.sbd/2024", "A.sbd/Privé", "Archief.sbd/Partij"):
        assert is_out.reason(path.encode()) == "excluded-folder", path
    assert is_out.reason("Privéleven".encode()) is None
    assert excluder(["Privé"], b"/p").reason("Privé".encode()) is None


def test_only_kinds_that_can_tell_take_a_list():
    assert [tells_accounts(kind) for kind in ("maildir", "mbox", "eml", "pst")] == [
        True, True, False, False,
    ]  # fmt: skip


@given(st.text(max_size=400), st.integers(0, len(PREFS)))
def test_no_preferences_make_it_fail(text, at):
    found = servers(PREFS[:at] + text + PREFS[at:])
    assert all(isinstance(name, str) for names in found.values() for name in names)


@given(st.binary(max_size=60))
def test_no_path_makes_it_fail(path):
    for kind in ("maildir", "mbox"):
        assert isinstance(accounts_of(kind, b"/nowhere")(path), frozenset)


def test_other_accounts_are_counted_and_never_opened(engine):
    engine.watch(reader="maildir", narrowing=Narrowing("maildir", ("a@b.example",)))
    engine.write("a@b.example/cur/1", b"stukken")
    engine.write("c@d.example/cur/2", b"KANARIE").chmod(0)  # opening it would be a failure
    engine.capture()
    counts = engine.ledger.counts()
    assert (counts.sealed, counts.excluded, counts.failed) == (1, 1, 0)
    assert dict(counts.reasons) == {"other-account": 1}
    archive = engine.archive()
    assert [*archive.latest()] == [b"a@b.example/cur/1"]
    assert not any(b"KANARIE" in sealed.item.payload for sealed in archive.items)


def test_an_account_that_is_put_on_the_list_is_captured_from_then_on(engine):
    engine.watch(reader="maildir", narrowing=Narrowing("maildir", ("a@b.example",)))
    engine.write("c@d.example/cur/2", b"later")
    engine.capture()
    engine.watch(narrowing=Narrowing("maildir", ("a@b.example", "c@d.example")))
    engine.capture()
    assert [*engine.archive().latest()] == [b"c@d.example/cur/2"]
    assert engine.ledger.imbalances() == []
