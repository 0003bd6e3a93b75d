# SPDX-License-Identifier: EUPL-1.2
"""Nobody but the office can read: what was planted is found nowhere at device or receiver."""

import base64
import bz2
import contextlib
import gzip
import lzma
import os
import sqlite3
import zipfile
import zlib
from io import BytesIO

import pytest
import zstandard

SUBJECT = "KanarieOnderwerpQ7"
BODY = "KanarieTekstW3"
SENDER = "kanarie.afzender.z9@voorbeeld.example"
FILE = "KanarieBestandsnaamP5"
FOLDER = "KanarieMapK2"
CHAT = "KanarieGesprekX8"
CANARIES = (SUBJECT, BODY, SENDER, FILE, FOLDER, CHAT)


def plant(folder, chats):
    (folder / FOLDER).mkdir(parents=True)
    chats.mkdir(parents=True)
    mail = (
        f"From: {SENDER}\nTo: minister@minxyz.example\nSubject: {SUBJECT}\n"
        f"Date: Tue, 24 Nov 2026 02:07:45 +0100\n\n{BODY} en verder niets.\n"
    ) * 3
    (folder / FOLDER / f"{FILE}.eml").write_text(mail)
    (folder / "groot.eml").write_text(mail + "x" * 300_000)
    text = "".join(f"24-11-2026 02:{m:02d} - {SENDER}: {BODY} {m}\n" for m in range(60))
    (chats / f"WhatsApp-chat met {CHAT}.txt").write_text(text)
    with zipfile.ZipFile(chats / f"WhatsApp-chat met {CHAT} 2.zip", "w") as archive:
        archive.writestr(f"WhatsApp-chat met {CHAT}.txt", text)


def spellings(text):
    raw = text.encode()
    yield raw
    yield text.encode("utf-16-le")
    yield raw.hex().encode()
    for shift in range(3):  # base64 in any alignment
        coded = base64.b64encode(b"\0" * shift + raw)
        yield coded[4 if shift else 0 : -4]


NEEDLES = {c: tuple(spellings(c)) for c in CANARIES}
NOT_PACKED = (zlib.error, zstandard.ZstdError, OSError, lzma.LZMAError, ValueError)
_ZLIB = (b"\x78\x01", b"\x78\x9c", b"\x78\xda")


def decompressed(data):
    """Everything that any common decompressor makes of the bytes, from wherever it may begin."""
    starts = (
        (b"\x28\xb5\x2f\xfd", lambda d: zstandard.ZstdDecompressor().decompressobj().decompress(d)),
        (b"\x1f\x8b", lambda d: zlib.decompressobj(31).decompress(d)),
        (b"BZh", lambda d: bz2.BZ2Decompressor().decompress(d)),
        (b"\xfd7zXZ", lambda d: lzma.LZMADecompressor().decompress(d)),
        *((magic, lambda d: zlib.decompressobj().decompress(d)) for magic in _ZLIB),
    )
    for magic, decoder in starts:
        at = data.find(magic)
        while at >= 0:
            with contextlib.suppress(*NOT_PACKED):
                yield decoder(data[at : at + 4_000_000])
            at = data.find(magic, at + 1)


def readable_in(path):
    """The canaries that a file shows, raw or decompressed."""
    data = path.read_bytes()
    texts = [os.fsencode(path), data, *decompressed(data)]
    if data.startswith(b"SQLite format 3\0"):
        with sqlite3.connect(path) as database:
            texts.append("\n".join(database.iterdump()).encode("utf-8", "surrogatepass"))
        database.close()
    return {c for c, needles in NEEDLES.items() for t in texts if any(n in t for n in needles)}


def everything_below(*roots):
    files = [p for root in roots for p in ([root] if root.is_file() else root.rglob("*"))]
    return {str(p): hits for p in files if p.is_file() and (hits := readable_in(p))}


def test_the_search_itself_finds_what_is_packed_in_many_ways(tmp_path):
    text = f"{SUBJECT} {BODY}".encode()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x", text)
    forms = {
        "raw": text,
        "gzip": b"junk" + gzip.compress(text),
        "zstd": b"junk" + zstandard.compress(text),
        "zlib": b"junk" + zlib.compress(text),
        "base64": base64.b64encode(b"a" + text),
        "hex": text.hex().encode(),
        "utf16": text.decode().encode("utf-16-le"),
        "zip": packed.getvalue(),
    }
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        assert SUBJECT in readable_in(tmp_path / name), name


@pytest.mark.parametrize("moment", ["before it is sent", "after it is sent", "after it is held"])
def test_what_was_planted_is_readable_nowhere_but_at_the_office(world, tmp_path, moment):
    mail = world.watch("eml", tmp_path / "device" / "KanarieBronMailV4")
    chats = world.watch("whatsapp-export", tmp_path / "device" / "KanarieBronChatV4")
    world.ready()
    world.once()  # fetches the policy; there is nothing to capture yet
    mail.rmdir()
    chats.rmdir()
    plant(mail, chats)
    if moment == "before it is sent":
        world.server.stop()
        out = world.once(expect=3)
        spoken = out.stdout + out.stderr
    else:
        spoken = world.agent("once").stdout
    if moment == "after it is held":
        world.pull()
        spoken += world.agent("once").stdout
    for form in ([], ["--json"]):
        spoken += world.agent("status", *form, expect=None).stdout
    world.server.stop()
    logs = [world.server.data.parent / "server.log"]
    assert everything_below(world.agent_home, world.server.data, *logs) == {}
    assert not [c for c in (*CANARIES, "KanarieBron") if c in spoken]
    names = [p for root in (world.agent_home, world.server.data) for p in root.rglob("*")]
    assert not [p for p in names if "Kanarie" in p.name and p.name not in {mail.name, chats.name}]
    if moment == "after it is held":
        restored = world.restore()
        assert FILE in " ".join(p.name for p in restored.rglob("*"))
