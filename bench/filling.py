# SPDX-License-Identifier: EUPL-1.2
"""An index of made-up mails and chats, filled by the real parsers: what `bench.collection` asks.

Half mails of 3,000 people, in threads, to one to three recipients, some undated, some marked by
the device; half messages, of which one group has a fifth. Words occur as in prose.
"""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

from lakzegel_office.collection.assembling import Assembler
from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.parsing import parse
from lakzegel_office.collection.threads import Threads
from lakzegel_office.collection.units import Units
from lakzegel_office.collection.writing import FileRow, Writer

BATCH: Final = 1_000  # mails, and as many messages
PEOPLE: Final = 3_000
GROUPS: Final = 40
MEMBERS: Final = 12
ANSWERS: Final = 0.5  # of the mails
THREAD: Final = 10  # mails back that one answers
UNDATED: Final = 0.02
MARKED: Final = 0.05
START: Final = datetime(2022, 1, 1, tzinfo=UTC)


class Language:
    """Words, the first of them the most common."""

    def __init__(self, chance: random.Random) -> None:
        letters = "abcdefghijklmnoprstuvw"
        self.words = [
            "".join(chance.choices(letters, k=chance.randrange(3, 12))) for _ in range(30_000)
        ]
        weights = list(accumulate(1 / (place + 1) for place in range(len(self.words))))
        self._spoken = chance.choices(self.words, cum_weights=weights, k=1_000_000)
        self._chance = chance

    def says(self, count: int) -> str:
        """Return so many words."""
        at = self._chance.randrange(len(self._spoken) - count)
        return " ".join(self._spoken[at : at + count])


class Filler:
    """Fills an index batch by batch."""

    def __init__(self, db: Connection, names: Names, chance: random.Random) -> None:
        self.language = Language(chance)
        self._chance = chance
        self._writer = Writer(db)
        units = Units(self._writer, names, Threads(self._writer, names))
        self._assembler = Assembler(self._writer, units, lambda _: b"")
        self._db = db

    def batch(self, number: int) -> None:
        """Add a batch of mails and one day of a chat."""
        self._db.execute("BEGIN IMMEDIATE")
        batch = self._writer.batch(number + 1, f"{number:064x}", ("laptop", 0, number), b"")
        for item in range(BATCH):
            mail = number * BATCH + item
            self._file(batch, item, "maildir", f"cur/{mail}", self._mail(mail))
        chat = f"WhatsApp-chat met Groep {number % GROUPS if number % 5 else 0} ({number}).txt"
        self._file(batch, BATCH, "whatsapp-export", chat, self._chat(number))
        self._db.execute("COMMIT")

    def _file(self, batch: int, item: int, reader: str, path: str, data: bytes) -> None:
        row = FileRow(0, "laptop", "custody", reader, path.encode(), reader)
        file = self._writer.file(row, f"{batch:016x}{item:016x}")
        digest = hashlib.sha256(data).hexdigest()
        labels = ("stg",) if self._chance.random() < MARKED else ()
        segment = self._writer.segment(batch, 2 * item, file.id, len(data), digest, labels)
        self._assembler.pieces[segment] = parse(reader, path.encode(), data)
        capture = self._writer.capture(batch, 2 * item + 1, file.id, None, [segment])
        self._assembler.capture(file, capture, None, 0)

    def _mail(self, number: int) -> bytes:
        chance = self._chance
        at = START + timedelta(seconds=number * 600 + chance.randrange(500))
        sender = chance.randrange(PEOPLE)
        others = (f", p{chance.randrange(PEOPLE)}@x.example" for _ in range(chance.randrange(3)))
        lines = [
            f"Message-ID: <{number}@x.example>",
            f"From: P{sender} <p{sender}@x.example>",
            f"To: minister@minxyz.example{''.join(others)}",
            f"Subject: {self.language.says(5)}",
        ]
        if chance.random() >= UNDATED:
            lines.append(f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}")
        if chance.random() < ANSWERS and number > THREAD:
            lines.append(f"In-Reply-To: <{number - chance.randrange(1, THREAD)}@x.example>")
        return "\n".join([*lines, "", self.language.says(60), ""]).encode()

    def _chat(self, number: int) -> bytes:
        day = f"{START + timedelta(days=number):%d-%m-%Y}"
        return "".join(
            f"{day} {n // 60 % 24:02}:{n % 60:02} - P{self._chance.randrange(MEMBERS)}:"
            f" {self.language.says(12)}\n"
            for n in range(BATCH)
        ).encode()
