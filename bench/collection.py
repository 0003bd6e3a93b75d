# SPDX-License-Identifier: EUPL-1.2
"""The office's collection at size: `python -m bench.collection [--units 200000] [--work DIR]`.

Half mails, half messages of chats, in a made-up language whose words occur as in prose, put into
the real index by the real parsers; then the first page of each kind of question, five times, in
processor time. What is left out is decryption of batches, which `pull` and `open` pay.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from lakzegel_office.collection.assembling import Assembler
from lakzegel_office.collection.bodies import Opened
from lakzegel_office.collection.database import Connection, open_database
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.parsing import parse
from lakzegel_office.collection.threads import Threads
from lakzegel_office.collection.units import Units
from lakzegel_office.collection.writing import FileRow, Writer

BATCH = 1_000  # mails, and as many messages
START = datetime(2022, 1, 1, tzinfo=UTC)


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
        chat = f"WhatsApp-chat met Groep {number % 40} ({number}).txt"
        self._file(batch, BATCH, "whatsapp-export", chat, self._chat(number))
        self._db.execute("COMMIT")

    def _file(self, batch: int, item: int, reader: str, path: str, data: bytes) -> None:
        row = FileRow(0, "laptop", "custody", reader, path.encode(), reader)
        file = self._writer.file(row, f"{batch:016x}{item:016x}")
        digest = hashlib.sha256(data).hexdigest()
        segment = self._writer.segment(batch, 2 * item, file.id, len(data), digest, ())
        self._assembler.pieces[segment] = parse(reader, path.encode(), data)
        capture = self._writer.capture(batch, 2 * item + 1, file.id, None, [segment])
        self._assembler.capture(file, capture, None, 0)

    def _mail(self, number: int) -> bytes:
        at = START + timedelta(seconds=number * 600 + self._chance.randrange(500))
        sender = self._chance.randrange(3_000)
        lines = [
            f"Message-ID: <{number}@x.example>",
            f"From: P{sender} <p{sender}@x.example>",
            f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}",
            f"Subject: {self.language.says(5)}",
        ]
        if self._chance.random() < 0.5 and number > 10:  # noqa: PLR2004
            lines.append(f"In-Reply-To: <{number - self._chance.randrange(1, 10)}@x.example>")
        return "\n".join([*lines, "", self.language.says(60), ""]).encode()

    def _chat(self, number: int) -> bytes:
        day = f"{START + timedelta(days=number):%d-%m-%Y}"
        return "".join(
            f"{day} {n // 60 % 24:02}:{n % 60:02} - P{self._chance.randrange(12)}:"
            f" {self.language.says(12)}\n"
            for n in range(BATCH)
        ).encode()


def questions(words: list[str]) -> Iterator[tuple[str, Query]]:
    """Yield what is asked, by what it is."""
    yield "everything, oldest first", Query(limit=50)
    yield "everything, newest first", Query(limit=50, newest_first=True)
    yield "the commonest word", Query(text=words[0], limit=50)
    yield "the commonest word, newest first", Query(text=words[0], limit=50, newest_first=True)
    yield "a word of every thousand", Query(text=words[300], limit=50)
    yield "a rare word", Query(text=words[20_000], limit=50)
    yield "two common words", Query(text=f"{words[0]} {words[1]}", limit=50)
    yield "a phrase of common words", Query(text=f'"{words[0]} {words[1]}"', limit=50)
    yield "the begin of a word", Query(text=f"{words[5][:3]}*", limit=50)
    yield "a person", Query(party="p17@", limit=50)
    yield "a common word of a person", Query(text=words[3], party="p17@", limit=50)
    yield "a common word in chats", Query(text=words[3], apps=["whatsapp"], limit=50)
    yield "a word that is nowhere", Query(text="zzzzzzzz", limit=50)


def main() -> int:
    """Fill an index, ask, and print milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=200_000)
    parser.add_argument("--work", type=Path, default=None, metavar="DIR")
    arguments = parser.parse_args()
    names = Names(bytes(32))
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        path = Path(folder) / "collection.db"
        db = open_database(path, names.database)
        filler = Filler(db, names, random.Random(1))
        begun = time.process_time()
        for number in range(max(arguments.units // (2 * BATCH), 1)):
            filler.batch(number)
        with IndexedCollection(path, db, Opened(lambda _: b"", lambda: None)) as collection:
            total = collection.count(Query())
            print(
                f"{total} units indexed in {time.process_time() - begun:.0f} s of processor time,"
            )
            print(f"{path.stat().st_size / 2**20:.0f} MiB")
            for name, query in questions(filler.language.words):
                print(f"{name:34} {milliseconds(collection, query):6.1f} ms")
    return 0


def milliseconds(collection: IndexedCollection, query: Query) -> float:
    """Return the median of five times that a page was read."""
    times = []
    for _ in range(5):
        begun = time.process_time()
        for _unit in collection.units(query):
            pass
        times.append(1_000 * (time.process_time() - begun))
    return statistics.median(times)


if __name__ == "__main__":
    raise SystemExit(main())
