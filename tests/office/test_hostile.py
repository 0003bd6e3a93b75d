# SPDX-License-Identifier: EUPL-1.2
"""Content that means harm, read and shown: it costs what its size is worth, and is text."""

import re
import time

import pytest

from lakzegel_office import markup
from lakzegel_office.collection.parsers import mailparts
from lakzegel_office.collection.parsing import parse
from lakzegel_office.markup import bounded
from lakzegel_office.review import hypertext, visible
from lakzegel_office.transfer.rendering import sanitised
from tests.office import hostile_samples as samples

SIZES = (1 << 16, pytest.param(8 << 20, marks=pytest.mark.soak))
MARKUP_SIZES = (1 << 15, pytest.param(8 << 20, marks=pytest.mark.soak))


def shown(source, pictures=lambda _: None):
    return hypertext.document(source, pictures, left_out="weggelaten", lang="nl")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("name", "make"), list(samples.heavy()))
def test_no_mail_takes_longer_than_its_size_is_worth(name, make, size):
    begun = time.process_time()
    parse("maildir", b"cur/1", make(size))
    assert time.process_time() - begun < 0.5 + size / 2e6, name


@pytest.mark.parametrize("size", MARKUP_SIZES)
@pytest.mark.parametrize(("name", "make"), list(samples.heavy_markup()))
def test_no_markup_takes_longer_than_its_size_is_worth(name, make, size):
    source = make(size)
    begun = time.process_time()
    shown(source)
    sanitised(source)
    assert time.process_time() - begun < (1.5 if size < 1 << 20 else 20), name


@pytest.mark.parametrize(
    "tag",
    [
        "<p {}>",
        "</p {}>",
        "<a-b/{}>",
        "<p a='>' {}>",
        '<p " {} ">',
        "<!-- <a b=' --><p {}>'",
        "<script>if (a <b) '</script><p {}>",
        "<p a='{}",
    ],
)
@pytest.mark.parametrize("between", [" ", "/", "=1 ", "='>' ", '=">"', " = 1\f"])
def test_no_tag_has_more_attributes_than_a_parser_compares(tag, between):
    names = [f"a{number:x}" for number in range(markup.MAX_ATTRIBUTES + 100)]
    many = bounded("x" + tag.format(between.join(names)), 1 << 20)
    few = "x" + tag.format(between.join(names[: markup.MAX_ATTRIBUTES // 2]))
    assert len(many) < 100 or "a='{}" in tag  # one value, which nothing ends
    assert bounded(few, 1 << 20) == few


def test_tags_that_nothing_ends_are_looked_at_once():
    begun = time.process_time()
    assert len(bounded("<b " * 350_000, 1 << 20)) < 100
    assert len(bounded("<a/b=" * 200_000, 1 << 20)) < 100
    assert time.process_time() - begun < 10  # 400 and 90 seconds, where each reads on to the end


@pytest.mark.parametrize(("name", "make"), list(samples.odd_mails()))
@pytest.mark.soak
def test_a_mail_of_too_much_of_one_thing_costs_no_more_than_others(name, make):
    data = make()
    begun = time.process_time()
    found = parse("maildir", b"cur/1", data)
    assert len(found.units) == (1 if b": " in data[:80] else 0), name
    content = mailparts.content_of(data)
    mailparts.attachments_of(data, range(10))
    shown(content.html)
    sanitised(content.html)
    assert time.process_time() - begun < 4, name


def test_no_charset_makes_a_script_of_a_text():
    for data in samples.in_charsets():
        (unit,) = parse("maildir", b"cur/1", data).units
        text = shown(mailparts.content_of(data).html).split("</style>", 1)[1]
        assert "<script" not in text + sanitised(mailparts.content_of(data).html), unit.subject
        assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", text), unit.subject


def test_a_picture_is_asked_for_a_few_times_however_often_a_mail_names_it():
    asked = []
    shown("<img src=cid:x>" * 1000, asked.append)
    assert len(asked) == hypertext.MAX_PICTURES


def test_pictures_of_a_mail_unfold_to_no_more_than_a_browser_can_hold():
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (8_000).to_bytes(4) + (5_000).to_bytes(4)
    shown_ = shown("<img src='cid:x'>" * 40, lambda _: png)
    assert shown_.count("<img") == hypertext.MAX_PIXELS // 40_000_000
    assert shown_.count("weggelaten") == 40 - 3


def test_a_mail_is_read_once_for_all_of_its_pictures(monkeypatch):
    read = []
    whole = mailparts._parts
    monkeypatch.setattr(mailparts, "_parts", lambda data: read.append(0) or whole(data))
    parts = "".join(f"--x\nContent-Type: image/png\nContent-ID: <{n}>\n\n{n}\n" for n in range(40))
    mail = f"Subject: x\nContent-Type: multipart/related; boundary=x\n\n{parts}--x--\n".encode()
    found = mailparts.attachments_of(mail, range(1, 40))
    assert (len(found), found[7], len(read)) == (39, b"7", 1)
    assert hypertext.named("<img src=cid:a><img src='CID:b&amp;c'>") == {"a", "b&c"}


def test_a_part_in_an_odd_charset_hides_no_other_part():
    parts = b"".join(
        b"--x\nContent-Type: text/plain; charset" + charset + b"\n\n" + "één".encode() + b"\n"
        for charset in (b"*=us-ascii''iso-8859-15", b"=punycode", b"=zlib", b'="\xff"', b"=utf-8")
    )
    head = b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n"
    (unit,) = parse("maildir", b"cur/1", head + parts + b"--x--\n").units
    assert unit.text.split("\n")[1:] == ["één"] * 4


def test_an_event_of_telegram_with_an_odd_value_hides_no_message():
    data, count = samples.telegram()
    assert len(parse("telegram-export", b"result.json", data).units) >= count


def test_a_host_that_no_network_knows_is_shown_as_it_is():
    assert visible.target("http://" + "é" * 64 + "/") == "http://" + "é" * 64 + "/"
    assert visible.target("http://é.example/") == "http://xn--9ca.example/"


def test_a_rendering_takes_no_more_of_a_mails_markup_than_its_first_mib():
    assert len(sanitised("x" * (3 << 20))) == 1 << 20
