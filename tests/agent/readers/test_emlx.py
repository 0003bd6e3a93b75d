# SPDX-License-Identifier: EUPL-1.2
"""Apple's mails: the mail is one segment, its property list with the flags another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View

KIND = "emlx"
SAMPLE = "1042.emlx"
PATH = b"V10/Inbox.mbox/Data/Messages/1042.emlx"
PLIST = b'<?xml version="1.0"?>\n<plist version="1.0"><dict/></plist>\n'


def incomplete(path, data):
    return reader_of(KIND).incomplete(path, View.of_bytes(data))


@pytest.mark.parametrize("name", [b"1042.emlx", b"1042.partial.emlx", b"1042.EMLX"])
def test_the_mail_and_its_property_list_are_a_segment_each(pieces, sample, name):
    mail, plist = pieces(KIND, b"Messages/" + name, sample(SAMPLE))
    assert mail.endswith(b"Groet, Anna\n")
    assert plist.startswith(b"<?xml")


def test_a_flag_costs_the_property_list_alone(pieces, sample):
    data = sample(SAMPLE)
    before = pieces(KIND, PATH, data)
    after = pieces(KIND, PATH, data.replace(b"8590195713", b"8590195729"))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False]


@settings(max_examples=100, deadline=None, database=None)
@given(mail=st.binary(max_size=200), flags=st.binary(max_size=50))
def test_whatever_the_mail_holds_the_seam_stands_behind_it(mail: bytes, flags: bytes) -> None:
    data = b"%d   \n" % len(mail) + mail + PLIST + flags
    ends = list(reader_of(KIND).cut(PATH, View.of_bytes(data)))
    assert ends == [len(data) - len(PLIST) - len(flags), len(data)]


def test_a_mail_that_lacks_any_of_its_end_is_not_complete(sample):
    data = sample(SAMPLE)
    assert incomplete(PATH, data) is None
    for size in range(len(data) - 1):  # but for the last line end
        assert incomplete(PATH, data[:size]) == "mail-open"


@pytest.mark.parametrize(
    "first",
    [b"", b"\n", b"1,795\n", b"-5\n", b"9" * 16 + b"\n", b"12" + b" " * 99 + b"\n", b"12", b"\x00"],
)
def test_a_file_without_a_count_is_opaque(pieces, first):
    assert pieces(KIND, PATH, first + PLIST) == [first + PLIST]
    assert incomplete(PATH, first + PLIST) == "mail-open"


def test_a_count_beyond_the_file_leaves_it_one_segment(pieces):
    data = b"999999999999999\nFrom: Anna\n\ntekst" + PLIST
    assert pieces(KIND, PATH, data) == [data]
    assert incomplete(PATH, data) == "mail-open"


def test_attachments_beside_a_mail_are_files_like_any_other(pieces, sample):
    data = sample(SAMPLE)
    for path in (b"Attachments/1042/2/stuk.pdf", b"1042.2.emlxpart"):
        assert pieces(KIND, path, data) == [data]
        assert incomplete(path, data[:9]) is None
        assert reader_of(KIND).exclude(path) is None
