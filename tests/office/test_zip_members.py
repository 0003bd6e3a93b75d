# SPDX-License-Identifier: EUPL-1.2
"""Members of archives, their directory, and what is read of what an extract has of them."""

import io
import struct
import zipfile
import zlib

import pytest

from lakzegel_office.collection.model import UnitKind
from lakzegel_office.collection.parsers import zips
from lakzegel_office.collection.parsers.zips import packed, whole_member
from lakzegel_office.collection.parsing import parse
from lakzegel_office.destroying.directories import Span, telling
from tests.office.test_destroy_zips import CHAT, NAME, archive, cut


def deflated(data, *, flags=0, method=8, extra=b"", packed=None, size=None):
    body = data if method == 0 else zlib.compress(data, wbits=-15)
    sizes = (len(body) if packed is None else packed, len(data) if size is None else size)
    head = (b"PK\3\4", 20, flags, method, 0, 0, 0 if flags else zlib.crc32(data), *sizes, 1)
    return struct.pack("<4s5H3I2H", *head, len(extra)) + b"n" + extra + body


def trailer(data, shape="<3I", *, crc=0, method=8):
    length = len(data) if method == 0 else len(zlib.compress(data, wbits=-15))
    return struct.pack(shape, zlib.crc32(data) ^ crc, length, len(data))


@pytest.mark.parametrize("method", [0, 8])
@pytest.mark.parametrize("shape", ["<3I", "<I2Q"])
@pytest.mark.parametrize("mark", [b"", b"PK\7\x08"])
def test_a_member_is_known_whole_with_what_describes_it_and_nothing_else(method, shape, mark):
    member, said = deflated(CHAT, flags=8, method=method), trailer(CHAT, shape, method=method)
    assert whole_member(member + mark + said).data == CHAT
    assert whole_member(member + mark + trailer(CHAT, shape, method=method, crc=1)) is None
    assert whole_member(member + mark + said + b"\0") is None
    assert whole_member(deflated(CHAT, method=method) + mark + said) is None


def test_sizes_of_zip64_are_believed_as_far_as_the_bytes_go():
    extra = struct.pack("<2H2Q", 1, 16, len(CHAT), len(CHAT))
    far = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF}
    assert whole_member(deflated(CHAT, method=0, extra=extra, **far)).data == CHAT
    assert whole_member(deflated(CHAT, method=0, extra=extra[:12], **far)) is None
    assert whole_member(deflated(CHAT, extra=b"\1\0\xff", **far)).data == CHAT


def test_what_is_encrypted_cut_off_or_too_much_is_not_known_whole(monkeypatch):
    assert whole_member(deflated(CHAT, flags=1)) is None
    assert whole_member(deflated(CHAT)[:-1]) is None
    monkeypatch.setattr(zips, "MAX_UNPACKED", len(CHAT) - 1)
    assert whole_member(deflated(CHAT)) is None
    assert whole_member(deflated(CHAT, method=0)) is None


def test_what_is_made_of_an_extract_is_a_member_and_no_stretch_that_goes_on():
    made = packed(b"_chat.txt", CHAT, but=0)
    assert whole_member(made) == whole_member(packed(b"_chat.txt", CHAT, but=len(made)))
    assert len(packed(b"_chat.txt", CHAT, but=len(made))) == len(made) + 4
    with zipfile.ZipFile(io.BytesIO(archive({"_chat.txt": CHAT}))) as real:
        assert real.read("_chat.txt") == whole_member(made).data
    assert whole_member(made).made
    assert not whole_member(deflated(CHAT)).made


def test_a_chat_is_known_by_what_is_left_though_all_that_one_looks_at_first_went():
    left = b"\n" * (1 << 17) + b"[11-03-2024, 08:09:00] Anna: Dan morgen\r\n"
    piece = parse("whatsapp-export", NAME.encode(), packed(b"_chat.txt", left, but=0))
    assert [unit.text for unit in piece.units] == ["Dan morgen"]
    tweets = b"window.YTD.tweets.part0 = [" + b"\n" * (1 << 17)
    tweets += b'{"tweet": {"id_str": "1", "full_text": "Dag"}}]'
    piece = parse("social-export", b"x.zip", packed(b"data/tweets.js", tweets, but=0))
    assert [unit.text for unit in piece.units if unit.key[0] == "tweet"] == ["Dag"]


def entry(name, at, *, crc=0xAABBCCDD, sizes=(7, 9), extra=b""):
    fields = (b"PK\1\2", 20, 20, 0, 8, 0, 0, crc, *sizes, len(name), len(extra), 0, 0, 0, 0, at)
    return struct.pack("<4s6H3I5H2I", *fields) + name + extra


def test_a_directory_loses_entries_of_what_goes_and_checks_of_what_stays():
    times = struct.pack("<2HBI", 0x5455, 5, 1, 7)
    hashed = struct.pack("<2H4s", 0x7777, 4, b"hash")
    far = struct.pack("<2H3Q", 1, 24, 11, 12, 99) + times + hashed
    rows = [
        entry(b"photo", 0),
        entry(b"chat", 50, extra=times),
        entry(b"far", 0xFFFFFFFF, sizes=(0xFFFFFFFF,) * 2, extra=far),
        entry(b"other", 200),
    ]
    data = bytearray(b"".join(rows) + b"PK\5\6 and the end")
    spans = [Span(0, 50, stays=False), Span(50, 90, stays=True), Span(90, 120, stays=True)]
    for _ in range(2):
        for low, high in telling(bytes(data), spans):
            data[low:high] = b"\n" * (high - low)
        assert data.startswith(b"\n" * len(rows[0]) + b"PK\1\2")
        assert data.endswith(rows[3] + b"PK\5\6 and the end")
        assert data.count(b"\xdd\xcc\xbb\xaa") == 1
        assert b"hash" not in data
        assert far[:4] + b"\n" * 16 + far[20:-4] in data
        assert times in data
    spans = [Span(90, 120, stays=False)]
    assert list(telling(bytes(data), spans)) == [(len(rows[0] + rows[1]), len(b"".join(rows[:3])))]


def test_a_conversation_of_x_in_a_zip_is_its_own():
    said = "".join(
        f'{{"dmConversation": {{"conversationId": "{n}-9", "messages": [{{"messageCreate": '
        f'{{"senderId": "{n}", "id": "{n}", "createdAt": "2024-03-12T08:0{n}:00.000Z",'
        f' "text": "Bericht {n}"}}}}]}}}},'
        for n in range(3)
    )
    text = f"window.YTD.direct_messages.part0 = [{said}]"
    member, _ = cut(archive({"data/direct-messages.js": text}))
    piece = parse("social-export", b"twitter.zip", member)
    found = [unit for unit in piece.units if unit.kind is UnitKind.MESSAGE]
    assert [unit.text for unit in found] == [f"Bericht {n}" for n in range(3)]
    assert [head.key for head in piece.heads] == [f"{n}-9" for n in range(3)]
    seams = [place for pair in zip(piece.heads, found, strict=True) for place in pair]
    assert [one.start for one in seams] == sorted(one.start for one in seams)
    assert all(text[unit.start :].startswith('{"messageCreate"') for unit in found)
