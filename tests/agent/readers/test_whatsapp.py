# SPDX-License-Identifier: EUPL-1.2
"""WhatsApp exports: one day is one segment, in the grammar that the file's first line speaks."""

import io
import struct
import zipfile

import pytest

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View

KIND = "whatsapp-export"
CHAT = b"WhatsApp-chat met Woensdagoverleg.txt"


def incomplete(path, data):
    return reader_of(KIND).incomplete(path, View.of_bytes(data))


def make_zip(members, **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 3, 14, 7, 0, 0)), data)
    return out.getvalue()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("name", "starts"),
    [
        (
            "android-nl.txt",
            [b"11-03-2024 21:58", b"12-03-2024 08:01", b"14-03-2024 07:00"],
        ),
        ("android-en.txt", [b"3/11/24, 9:58", b"3/12/24, 8:01"]),
        (
            "ios-nl.txt",
            [
                b"[11-03-2024 21:58:01]",
                b"\xe2\x80\x8e[12-03-2024 08:02:00]",
                b"\xe2\x80\x8e[13-03-2024 09:00:00]",
            ],
        ),
    ],
)
def test_each_day_is_a_segment_and_pasted_lines_are_text(pieces, sample, name, starts, line_end):
    days = pieces(KIND, CHAT, sample(name).replace(b"\n", line_end))
    assert len(days) == len(starts)
    assert all(day.startswith(start) for day, start in zip(days, starts, strict=True))


@pytest.mark.parametrize(
    "head",
    [
        "12-03-2024 08:01 - ",
        "12-03-2024, 08:01 - ",
        "12/03/2024, 08:01 - ",
        "12.03.24, 08:01 - ",
        "2024-03-12, 8:01 a.m. - ",
        "3/12/24, 8:01\u202fAM - ",
        "3/12/24, 8:01\u00a0PM - ",
        "3/12/24, 8:01 p. m. - ",
        "[12-03-2024 08:01:02] ",
        "[12-03-2024, 08:01:02] ",
        "[3/12/24, 8:01:02\u202fAM] ",
        "\u200e[12-03-2024 08:01:02] ",
        "\ufeff12-03-2024 08:01 - ",
        "12-03-2024 08.01 - ",
    ],
)
def test_heads_of_phones_in_several_languages_are_known(pieces, head):
    other = head.replace("12", "13", 1).replace("\ufeff", "")
    text = f"{head}Anna: a\n{other}Bas: b\nvervolg\n{other}Anna: c\n"
    days = pieces(KIND, CHAT, text.encode())
    assert [day.count(b"\n") for day in days] == [1, 3]


@pytest.mark.parametrize("name", ["android-nl.txt", "android-en.txt", "ios-nl.txt"])
def test_a_later_export_of_the_same_chat_keeps_its_earlier_days(pieces, sample, name):
    whole = sample(name)
    lines = whole.splitlines(keepends=True)
    later = pieces(KIND, CHAT, whole)
    for count in range(1, len(lines)):
        earlier = pieces(KIND, CHAT, b"".join(lines[:count]))
        assert earlier[:-1] == later[: len(earlier) - 1]
        assert later[len(earlier) - 1].startswith(earlier[-1])


def test_lines_out_of_order_are_left_where_they_are(pieces):
    text = b"12-03-2024 08:01 - A: a\n13-03-2024 08:01 - A: b\n12-03-2024 23:59 - A: c\n"
    assert [len(day) for day in pieces(KIND, CHAT, text)] == [24, 24, 24]


def test_text_that_is_no_chat_is_opaque(pieces):
    for text in (
        b"Notulen\n12-03-2024 08:01 - A: a\n",
        b"[12-03-2024 08:01 - A: a\n",
        b"5/2, 16:08",
    ):
        assert pieces(KIND, b"notulen.txt", text) == [text]
        assert incomplete(b"notulen.txt", text) is None
    chat = b"12-03-2024 08:01 - A: a\n13-03-2024 08:01 - A: b\n"
    assert pieces(KIND, b"foto.jpg", chat) == [chat]


def test_a_chat_whose_last_line_is_open_is_not_complete(sample):
    assert incomplete(CHAT, sample("android-nl.txt")) is None
    assert incomplete(CHAT, sample("android-nl.txt")[:-4]) == "line-open"


def test_a_zip_is_cut_where_its_members_begin(pieces):
    data = make_zip({"_chat.txt": b"tekst" * 99, "0001-PHOTO.jpg": bytes(range(256)) * 9})
    found = pieces(KIND, b"WhatsApp Chat - Overleg.zip", data)
    assert [piece[:4] for piece in found] == [b"PK\3\4", b"PK\3\4", b"PK\1\2"]
    assert b"0001-PHOTO.jpg" in found[1]


def test_a_new_zip_of_the_same_chat_keeps_its_media(pieces):
    photos = {f"{n:08}-PHOTO.jpg": bytes([n]) * 5_000 for n in range(5)}
    old = pieces(KIND, b"a.zip", make_zip({"_chat.txt": b"kort", **photos}))
    new = pieces(KIND, b"a.zip", make_zip({"_chat.txt": b"langer" * 9, **photos}))
    assert len(set(old) & set(new)) == 5


def test_a_zip_without_its_directory_is_not_complete(pieces):
    data = make_zip({"_chat.txt": b"tekst"})
    assert incomplete(b"a.zip", data) is None
    for size in range(len(data)):
        assert incomplete(b"a.zip", data[:size]) == "zip-open"
        assert pieces(KIND, b"a.zip", data[:size]) == ([data[:size]] if size else [])


def test_a_zip_comment_that_looks_like_an_end_does_not_mislead(pieces):
    data = bytearray(make_zip({"a": b"a", "b": b"b"}))
    comment = b"PK\x05\x06 is geen einde"
    data[-2:] = struct.pack("<H", len(comment))
    assert len(pieces(KIND, b"a.zip", bytes(data) + comment)) == 3


def zip64(offset=None):
    """A zip whose numbers stand in the zip64 records, as very large ones have them."""
    data = make_zip({"a.jpg": b"a" * 50})
    start = data.index(b"PK\1\2")
    entry = bytearray(data[start : data.index(b"PK\5\6")])
    extra = struct.pack("<2H3Q", 1, 24, 50, 12, 0 if offset is None else offset)
    struct.pack_into("<2I", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<I", entry, 42, 0xFFFFFFFF)
    directory = bytes(entry) + extra
    end = start + len(directory)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4HIIH", b"PK\5\6", 0, 0, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:start] + directory + record + locator + last


def test_a_zip64_directory_is_found(pieces):
    assert [piece[:4] for piece in pieces(KIND, b"a.zip", zip64())] == [b"PK\3\4", b"PK\1\2"]


@pytest.mark.parametrize("offset", [3, 2**40, 2**64 - 1])
def test_a_directory_that_lies_breaks_no_rule(pieces, offset):
    assert len(pieces(KIND, b"a.zip", zip64(offset))) in {2, 3}


def test_members_that_overlap_break_no_rule(pieces):
    data = bytearray(make_zip({"a": b"a" * 99, "b": b"b" * 99, "c": b"c"}))
    at = 0
    while (at := data.find(b"PK\1\2", at)) >= 0:
        struct.pack_into("<I", data, at + 42, 7)
        at += 1
    assert len(pieces(KIND, b"a.zip", bytes(data))) == 3
