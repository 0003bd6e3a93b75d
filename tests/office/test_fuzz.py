# SPDX-License-Identifier: EUPL-1.2
"""Mails and chats that chance made of hostile ones: no parser faults, none takes long or much."""

import os
import random
import resource
import time

import pytest

from lakzegel_office.collection import parsing
from lakzegel_office.collection.parsers.mailparts import attachments_of, content_of, text_of_html
from lakzegel_office.review import hypertext, visible
from lakzegel_office.transfer.rendering import sanitised
from tests.office import hostile_samples as samples
from tests.office.test_hostile_shown import SHARED

MINUTES = 10
SECONDS = 1.5  # of one input, at most 64 KiB; a process that shares two cores is not told
GROWTH = 300 << 20  # bytes of memory
MOST = 1 << 16
PIECES = (
    b"\n", b"\r\n", b"\n\n", b"\0", b"\xff", b"--x", b"--x--", b"=?utf-8?b?", b"?=", b"=?utf-7?q?",
    b"boundary=", b"charset=", b"*0*=", b"Content-Type: multipart/mixed; boundary=x\n",
    b"Content-Type: message/rfc822\n\n", b"Content-Transfer-Encoding: base64\n", b"<", b">", b"&",
    b"<!--", b"-->", b"<![CDATA[", b"<svg>", b"<style>", b"</style>", b"<a href=", b"{", b"}", b"[",
    b"]", b'"', b"\\u", b"\\ud800", b"9" * 400, b"-1", b"1e999", b"null", b"\xe2\x80\xae", b"(",
    b"[12-03-2024 09:00:00] Jan: ", b"12/3/24, 9:00 - Jan: ", b"<attached: ", b"From x\n",
)  # fmt: skip


def seeds():
    """Return each kind of input: its reader, the path that it has, and its bytes."""
    mails = [mail for _, mail in samples.marked_up()] + list(samples.named())
    mails += [*samples.in_charsets(), *(make() for _, make in samples.odd_mails())]
    if SHARED.is_dir():
        mails += [path.read_bytes() for path in sorted(SHARED.glob("*.eml"))[::8]]
    mails = [mail[:MOST] for mail in mails]
    kinds = (("maildir", b"cur/1"), ("eml", b"1.eml"), ("mbox", b"x"), ("emlx", b"1.emlx"))
    found = [(kind, path, mail) for mail in mails for kind, path in kinds]
    chat, (telegram, _) = samples.chat_lines(), samples.telegram()
    lines, _ = samples.store_lines()
    others = [
        ("whatsapp-export", b"WhatsApp-chat met x.txt", chat),
        ("whatsapp-export", b"x.zip", samples.zipped("_chat.txt", chat)),
        ("telegram-export", b"result.json", telegram),
        ("whatsapp-android", b"m.db.conversations/1.jsonl", lines),
        ("social-export", b"message_1.json", b'{"messages":[{"sender_name":"x","content":"y"}]}'),
        ("social-export", b"data/tweets.js", b'window.YTD.tweets.part0 = [{"tweet":{"id":"1"}}]'),
        ("social-export", b"outbox.json", b'{"orderedItems":[{"object":{"content":"<p>x"}}]}'),
        ("social-export", b"messages.csv", b"CONVERSATION ID,FROM,CONTENT\n1,x,y\n"),
    ]
    return [*found, *others * (len(found) // len(others) // 2)]


def changed(data, others, chance):
    """Return bytes with a few changes by chance."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        start = chance.randrange(len(made) + 1)
        end = min(len(made), start + chance.choice((0, 1, 4, 40, 400)))
        piece = chance.choice(PIECES)
        match chance.randrange(6):
            case 0:
                made[start:start] = piece * chance.choice((1, 1, 2, 50, 1000))
            case 1:
                del made[start:end]
            case 2 if start < len(made):
                made[start] ^= 1 << chance.randrange(8)
            case 3:
                made[start:start] = made[start:end] * chance.choice((2, 30))
            case 4:
                other = chance.choice(others)[2]
                place = chance.randrange(len(other) + 1)
                made[start:end] = other[place : place + 400]
            case _:
                made[start:end] = piece
    return bytes(made[:MOST])


def read_and_show(reader, path, data):
    """Do with an input all that the office does; nothing of it acts."""
    whole, html = parsing.parse(reader, path, data), ""
    for unit in whole.units:
        assert 0 <= unit.start <= unit.start + unit.length <= len(data)
        visible.prose((unit.text or "")[:4096])
    if reader == "maildir" and data:
        content = content_of(data)
        html = content.html
        attachments_of(data, range(3))
        text_of_html(html)
    shown = hypertext.document(html, lambda _: samples.bomb_png(), left_out="x", lang="nl")
    for text in (shown.split("</style>", 1)[1], sanitised(html)):
        small = text.lower()
        assert "<script" not in small
        assert "<style" not in small
        assert "<svg" not in small


@pytest.mark.soak
def test_nothing_that_chance_makes_of_hostile_content_trips_a_parser(monkeypatch):
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    chance, given = random.Random(seed), seeds()
    tripped = []
    for name, parser in list(parsing._PLAIN.items()):
        monkeypatch.setitem(parsing._PLAIN, name, noting(parser, tripped))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count, end, slowest = 0, time.monotonic() + MINUTES * 60, (0.0, b"")
    while time.monotonic() < end:
        reader, path, data = chance.choice(given)
        made = changed(data, given, chance)
        begun = time.process_time()
        read_and_show(reader, path, made)
        slowest = max(slowest, (time.process_time() - begun, reader.encode() + b": " + made))
        assert not tripped, (reader, count, tripped)
        count += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    print(f"{count} inputs, slowest {slowest[0]:.2f} s, {grown >> 20} MiB more")
    assert slowest[0] < SECONDS, slowest
    assert grown < GROWTH


def noting(parser, tripped):
    """Return a parser whose faults, which make a file of the input, are told."""

    def noted(path, data):
        try:
            return parser(path, data)
        except Exception as error:
            tripped.append((repr(error), data))
            raise

    return noted
