# SPDX-License-Identifier: EUPL-1.2
"""mbox, Maildir and single mails: one mail is one segment."""

import contextlib
import mailbox
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View


def subjects(mails):
    return [mail.partition(b"Subject: ")[2].partition(b"\n")[0].strip() for mail in mails]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mbox-thunderbird", [b"Stukken voor dinsdag", b"Re: Stukken voor dinsdag"]),
        ("mbox-kaal", [b"Verslag", b"Re: Verslag"]),
        ("mbox-ongequoteerd", [b"Toespraak", b"Re: Toespraak"]),
        ("mbox-unix", [b"een", b"twee", b"drie", b"vier"]),
    ],
)
def test_each_mail_of_an_mbox_is_a_segment(pieces, sample, name, expected, line_end):
    mails = pieces("mbox", b"Inbox", sample(name).replace(b"\n", line_end))
    assert subjects(mails) == expected
    assert all(mail.startswith(b"From ") for mail in mails)


def test_unquoted_lines_do_not_cut_where_python_s_own_reader_cuts(pieces, sample, tmp_path):
    data = sample("mbox-ongequoteerd")
    (tmp_path / "mbox").write_bytes(data)
    with contextlib.closing(mailbox.mbox(tmp_path / "mbox", create=False)) as theirs:
        assert len(theirs) > 2
    assert subjects(pieces("mbox", b"Inbox", data)) == [b"Toespraak", b"Re: Toespraak"]


def test_appending_mails_leaves_the_earlier_ones_as_they_were(pieces, sample):
    first = sample("mbox-thunderbird")
    before = pieces("mbox", b"Inbox", first)
    after = pieces("mbox", b"Inbox", first + sample("mbox-ongequoteerd"))
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2


def test_a_flag_set_in_place_changes_one_mail_only(pieces, sample):
    data = sample("mbox-thunderbird")
    read = data.replace(b"X-Mozilla-Status: 0001", b"X-Mozilla-Status: 0009", 1)
    before, after = pieces("mbox", b"Inbox", data), pieces("mbox", b"Inbox", read)
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]


@pytest.mark.parametrize(
    "line",
    [
        b"From here on",
        b"From Monday, at 10:30, in 2024",
        b"From what I saw on Fri Aug 24 it is fine",
        b"From: Anna",
        b">From - Fri Aug 24 11:55:47 2018",
        b" From - Fri Aug 24 11:55:47 2018",
        b"from - Fri Aug 24 11:55:47 2018",
    ],
)
def test_a_sentence_in_a_body_is_no_separator(pieces, line):
    data = b"From - Fri Aug 24 11:55:47 2018\nSubject: a\n\n" + line + b"\n\ntekst\n"
    assert len(pieces("mbox", b"Inbox", data)) == 1


def test_a_file_that_begins_otherwise_is_no_mbox(pieces, sample):
    mbox = sample("mbox-thunderbird")
    for first in (b"\n", b"<!-- <mdb:mork -->\n\n", b"From here on\n\n"):
        assert pieces("mbox", b"Inbox.msf", first + mbox) == [first + mbox]


def test_a_mail_larger_than_a_block_stays_whole(pieces):
    mail = b"From - Fri Aug 24 11:55:47 2018\n\n" + b"tekst\n" * 500_000 + b"\n"
    assert pieces("mbox", b"Inbox", mail * 2) == [mail, mail]


def test_a_compaction_s_copies_are_excluded_and_its_original_is_the_mbox():
    reader = reader_of("mbox")
    for folder in (b"", b"Mail/pop.example/", b"Archief.sbd/"):
        for beside in (b".temp-compact/", b".compact-temp/"):
            assert reader.exclude(folder + beside + b"Inbox.compacting") == "compacting"
            assert reader.exclude(folder + beside + b"Inbox.compacted") == "compacting"
            assert reader.exclude(folder + beside + b"Inbox.original") is None
            assert reader.history(folder + beside + b"Inbox.original") == folder + b"Inbox"
    for path in (b"Inbox.compacting", b".temp-compact", b".temp-compact/Inbox", b"Inbox.original"):
        assert reader.exclude(path) is None
        assert reader.history(path) == path


def test_mail_lies_in_new_and_cur_and_tmp_is_still_being_delivered():
    reader = reader_of("maildir")
    for folder in (b"", b".Verzonden/", b"Archief/2024/"):
        assert reader.exclude(folder + b"tmp/1.a") == "in-delivery"
        assert reader.exclude(folder + b"cur/1.a:2,S") is None
        assert reader.exclude(folder + b"new/1.a") is None
    assert reader.exclude(b"dovecot-uidlist") is None
    assert reader.exclude(b"tmp") is None
    assert reader.exclude(b"tmp/cur/1") is None


def test_flags_and_reading_leave_a_mail_the_same():
    history = reader_of("maildir").history
    names = (b"new/1.a", b"cur/1.a", b"cur/1.a:2,", b"cur/1.a:2,FS", b"cur/1.a;2,S", b"cur/1.a!2,S")
    assert len({history(b".Verzonden/" + name) for name in names}) == 1
    assert history(b"cur/1.a:2,S") != history(b".Verzonden/cur/1.a:2,S")
    assert history(b"cur/1.a:2,S") != history(b"cur/1.b:2,S")
    assert history(b"cur/1.a\n:2,S") == history(b"cur/1.a\n")


@given(st.lists(st.sampled_from(["new", "cur", "tmp", "/", "a", ":2,", ";2,S", "2,", "\n"])))
def test_the_name_of_a_mail_ends_where_its_first_flags_begin(parts):
    path = "".join(parts)
    mail = re.fullmatch(r"(?s)((?:.*/)?)(?:new|cur)/([^/]+?)(?:[:;!]2,[^/]*)?", path)
    expected = f"{mail[1]}cur/{mail[2]}" if mail else path
    reader = reader_of("maildir")
    assert reader.history(path.encode()) == expected.encode()
    in_delivery = re.fullmatch(r"(?s)(?:.*/)?tmp/[^/]+", path)
    assert reader.exclude(path.encode()) == ("in-delivery" if in_delivery else None)


def test_no_history_of_a_mail_is_the_path_of_something_else():
    history = reader_of("maildir").history
    assert history(b"Archief/1.a") == b"Archief/1.a" != history(b"Archief/cur/1.a:2,S")
    assert history(b"dovecot:2,S") == b"dovecot:2,S"


@pytest.mark.parametrize(("kind", "path"), [("maildir", b"cur/1:2,S"), ("eml", b"post/1.EML")])
def test_one_file_is_one_mail_is_one_segment(pieces, kind, path):
    mail = b"Subject: groot\n\n" + b"regel\n" * 500_000
    assert pieces(kind, path, mail) == [mail]
    assert len(pieces(kind, b"index.bin", mail)) > 1


def test_real_mail_is_one_segment_each(shared):
    for file in shared("mail-spamassassin"):
        data = file.read_bytes()
        assert list(reader_of("eml").cut(b"a.eml", View.of_bytes(data))) == [len(data)]
        assert reader_of("eml").incomplete(b"a.eml", View.of_bytes(data)) is None


def test_real_mail_put_behind_each_other_is_cut_where_it_was_joined(pieces, shared):
    mails = [file.read_bytes() for file in shared("mail-spamassassin")]
    mails = [mail + b"\n" for mail in mails if mail.startswith(b"From ")]
    found = pieces("mbox", b"archief", b"".join(mails))
    assert len(mails) > 100
    assert len(found) >= len(mails)
    assert len(set(mails) - set(found)) <= len(mails) // 50  # some carry whole mailboxes inside
