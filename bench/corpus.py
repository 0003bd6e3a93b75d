# SPDX-License-Identifier: EUPL-1.2
"""A corpus like a minister's laptop: mail, an archive, chats with pictures, a database.

Full size: 40,000 mails in a Maildir (764 MB, some with base64 attachments), an mbox (401 MB),
WhatsApp exports with pictures (153 MB), a SQLite database (154 MB). Every byte is made here and
the same every time; texts are words of a made-up language in a natural distribution, so that they
compress as prose does, and pictures are noise, so that they do not.
"""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

MB: Final = 1_000_000
MAILS: Final = 40_000
MBOX: Final = 401 * MB
CHATS: Final = 153 * MB
DATABASE: Final = 154 * MB
POOL: Final = 64 * MB  # more text than any compressor's window, so that no text is met twice in one
SMALLEST_POOL: Final = 2 * MB
WORDS: Final = 20_000
SYLLABLES: Final = [
    "ba",
    "be",
    "da",
    "de",
    "di",
    "do",
    "ga",
    "ge",
    "ke",
    "ko",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "na",
    "ne",
    "no",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "ve",
    "wa",
    "we",
    "za",
    "ze",
    "aan",
    "een",
    "het",
    "der",
    "ing",
    "lijk",
    "heid",
    "schap",
]
BEGIN: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
ATTACHED: Final = 0.2  # of the mails have an attachment
ATTACHMENT: Final = (8_000, 102_000)  # bytes before base64
PICTURE: Final = (200_000, 1_400_000)
CHAT: Final = 50  # pictures in one export
LINE: Final = 76
SOURCES: Final = {
    "Maildir": "maildir",
    "Mbox": "mbox",
    "WhatsApp": "whatsapp-export",
    "Database": "folder",
}


@dataclass(frozen=True, slots=True)
class Texts:
    """A pool of prose from which pieces are cut."""

    pool: str

    @classmethod
    def make(cls, size: int) -> "Texts":
        """Return a pool of about `size` characters."""
        chance = Random("words")
        words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(WORDS)]
        # Zipf: the n-th word is met a n-th as often as the first.
        weights = [1 / rank for rank in range(1, WORDS + 1)]
        chosen = chance.choices(words, weights, k=size // 7)
        text = " ".join(chosen)
        return cls("\n".join(text[at : at + LINE] for at in range(0, len(text), LINE)))

    def piece(self, chance: Random, size: int) -> str:
        """Return `size` characters from anywhere in the pool."""
        start = chance.randrange(max(1, len(self.pool) - size))
        return self.pool[start : start + size]


def make(folder: Path, scale: float) -> int:
    """Write the corpus below `folder`; return its size in bytes."""
    texts = Texts.make(max(SMALLEST_POOL, int(POOL * scale)))
    for name in SOURCES:
        (folder / name).mkdir(parents=True)
    _maildir(folder / "Maildir", texts, max(1, round(MAILS * scale)))
    _mbox(folder / "Mbox" / "archive.mbox", texts, int(MBOX * scale))
    _chats(folder / "WhatsApp", texts, int(CHATS * scale))
    _database(folder / "Database" / "store.sqlite", texts, int(DATABASE * scale))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _mail(chance: Random, texts: Texts, number: int, newline: str) -> bytes:
    at = BEGIN + timedelta(minutes=7 * number)
    body = texts.piece(chance, min(60_000, int(chance.lognormvariate(8.3, 0.8))))
    head = [
        f"From: Person {number % 97} <p{number % 97}@minxyz.example>",
        "To: minister@minxyz.example",
        f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000",
        f"Message-ID: <{number}.{chance.getrandbits(64):x}@minxyz.example>",
        f"Subject: {texts.piece(chance, 40).splitlines()[0]}",
        "MIME-Version: 1.0",
    ]
    if chance.random() >= ATTACHED:
        return newline.join([*head, "", *body.splitlines(), ""]).encode()
    mark = f"=_{number}"
    data = base64.encodebytes(chance.randbytes(chance.randint(*ATTACHMENT))).decode()
    lines = [
        *head,
        f'Content-Type: multipart/mixed; boundary="{mark}"',
        *("", f"--{mark}", "Content-Type: text/plain", "", *body.splitlines()),
        *("", f"--{mark}", "Content-Type: application/pdf"),
        *("Content-Transfer-Encoding: base64", "", *data.splitlines(), f"--{mark}--", ""),
    ]
    return newline.join(lines).encode()


def _maildir(folder: Path, texts: Texts, count: int) -> None:
    chance = Random("maildir")
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir()
    for number in range(count):
        stamp = int((BEGIN + timedelta(minutes=7 * number)).timestamp())
        path = folder / "cur" / f"{stamp}.M{number}P1.laptop:2,S"
        path.write_bytes(_mail(chance, texts, number, "\r\n"))


def _mbox(path: Path, texts: Texts, size: int) -> None:
    chance = Random("mbox")
    with path.open("wb") as box:
        number = 0
        while box.tell() < size:
            number += 1
            box.write(b"From MAILER-DAEMON Mon Jan  5 08:00:00 2026\n")
            box.write(_mail(chance, texts, number, "\n").replace(b"\nFrom ", b"\n>From ") + b"\n")


def _chats(folder: Path, texts: Texts, size: int) -> None:
    chance, written, chat = Random("chats"), 0, 0
    while written < size:
        chat += 1
        place = folder / f"Groep {chat}"
        place.mkdir()
        lines = list(_chat_lines(chance, texts))
        (place / f"WhatsApp-chat met Groep {chat}.txt").write_text("\n".join(lines) + "\n")
        for number in range(CHAT):
            data = b"\xff\xd8\xff\xe0" + chance.randbytes(chance.randint(*PICTURE))
            (place / f"IMG-20260105-WA{number:04}.jpg").write_bytes(data)
            written += len(data)
            if written >= size:
                break


def _chat_lines(chance: Random, texts: Texts) -> Iterator[str]:
    for number in range(10_000):
        at = BEGIN + timedelta(minutes=3 * number)
        text = texts.piece(chance, chance.randint(10, 160)).replace("\n", " ")
        yield f"{at:%d-%m-%Y %H:%M} - Persoon {chance.randrange(9)}: {text}"


def _database(path: Path, texts: Texts, size: int) -> None:
    chance, written = Random("database"), 0
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, at INTEGER, text TEXT)")
        while written < size:
            rows = [
                (chance.getrandbits(40), texts.piece(chance, chance.randint(20, 600)))
                for _ in range(2_000)
            ]
            database.executemany("INSERT INTO message (at, text) VALUES (?, ?)", rows)
            written += sum(len(text) + 12 for _, text in rows)
        database.commit()
