# SPDX-License-Identifier: EUPL-1.2
"""Random histories of files: what was indexed batch by batch is what is indexed anew."""

import os
import random

import pytest

from lakzegel_core.encoding import b64
from lakzegel_office.collection.model import Query
from lakzegel_office.collection.reaching import segments_of

SEPARATOR = b"From - Mon Mar 11 08:02:10 2024\n"


def letter(chance):
    number, answered = chance.randrange(12), chance.randrange(12)
    body = chance.choice(["Een lange tekst die vaker voorkomt.", f"tekst {chance.randrange(9)}"])
    head = f"Message-ID: <{number}@x>\nIn-Reply-To: <{answered}@x>\nSubject: s{number}\n"
    return f"{head}\n{body}\n".encode()


def day(chance):
    date = f"{chance.randrange(1, 9):02}-03-2024"
    said = (chance.choice(["Ja", "Nee", "Een lange tekst die vaker voorkomt."]) for _ in range(3))
    return "".join(f"{date} 08:0{chance.randrange(3)} - Jan: {text}\n" for text in said).encode()


KINDS = {
    "maildir": ("{}/cur/1", letter),
    "mbox": ("{}/Inbox", lambda chance: SEPARATOR + letter(chance) + b"\n"),
    "whatsapp-export": ("{}/WhatsApp-chat met Jan.txt", day),
    "folder": ("{}/notitie.odt", lambda chance: os.urandom(chance.randrange(1, 30))),
}


class History:
    """One file and its versions, each made of pieces that were sealed now or before."""

    def __init__(self, reader, number):
        path, self.make = KINDS[reader]
        self.reader, self.path = reader, path.format(number)
        self.file, self.pieces, self.version = os.urandom(16).hex(), [], 0

    def change(self, device, chance, items):
        """Seal another version, with what is new of it, behind these items."""
        kept = [piece for piece in self.pieces if chance.random() < 0.8]
        new = [self.make(chance) for _ in range(chance.randrange(0 if kept else 1, 3))]
        if self.reader == "maildir":
            kept, new = [], [self.make(chance)]
        device.reader = self.reader
        self.pieces = kept
        for data in new:
            item = device.seal(
                payload=data, context=device.context(self.path, self.file), index=len(items)
            )
            row = [0, device.batch, len(items), len(data), b64(item.entry.commitment)]
            self.pieces.append(row)
            items.append(item)
        if chance.random() < 0.3:
            chance.shuffle(self.pieces)
        items.append(
            device.capture(
                self.path, self.pieces, self.file, version=self.version, index=len(items)
            )
        )
        self.version += 1


def told(collection):
    units = {}
    for unit in collection.units(Query()):
        places = [(str(p.item), p.start, p.length) for p in collection.places(unit.id)]
        units[unit.id] = (unit.conversation, unit.captures, unit.snippet, sorted(places))
    return units


def check_history(world, device, collected, chance, batches):
    histories = [History(reader, number) for reader in KINDS for number in range(2)]
    for _ in range(batches):
        items = []
        for history in chance.sample(histories, 3):
            history.change(device, chance, items)
        device.send(items)
        if chance.random() < 0.5:
            collected().close()
    collection = collected()
    grown = told(collection)
    collection.close()
    for path in world.home.state.glob("collection.db*"):
        path.unlink()
    anew = collected()
    assert told(anew) == grown
    rows = [row for (row,) in anew.db.execute("SELECT id FROM unit")]
    assert segments_of(anew.db, rows) == {s for (s,) in anew.db.execute("SELECT id FROM segment")}
    for unit in grown:
        found = anew.containing([unit])
        assert {str(item) for item in (*found.alone, *found.shared)} == {
            place for place, _, _ in grown[unit][3]
        }
        assert found.captures
        assert anew.body(unit).unit.id == unit


def test_an_index_that_grew_is_the_one_that_is_made_anew(world, device, collected):
    check_history(world, device, collected, random.Random(7), 5)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(25))
def test_many_histories(world, device, collected, seed):
    check_history(world, device, collected, random.Random(seed), 20)
