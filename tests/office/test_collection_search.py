# SPDX-License-Identifier: EUPL-1.2
"""Any question, in any order, page by page: what a search that reads everything would find."""

import hashlib
import random
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_office.collection import facets, searching
from lakzegel_office.collection.assembling import Assembler
from lakzegel_office.collection.bodies import Opened
from lakzegel_office.collection.database import open_database
from lakzegel_office.collection.ids import Names
from lakzegel_office.collection.indexed import IndexedCollection
from lakzegel_office.collection.model import Query, UnitKind
from lakzegel_office.collection.parsing import parse
from lakzegel_office.collection.threads import Threads
from lakzegel_office.collection.units import Units
from lakzegel_office.collection.writing import FileRow, Writer

VOCABULARY = ["aap", "aapje", "noot", "mies", "wim", "zus", "jet", "teun"]
START = datetime(2024, 1, 1, 9, tzinfo=UTC)
LABELS = ["stg", "bsn"]
PAGE = 7


@dataclass
class Told:
    """A unit as the test wrote it."""

    kind: UnitKind
    app: str
    device: str
    source: str
    columns: list[str]  # subject, text, names
    people: list[str]
    at: datetime | None
    labels: set[str]
    id: str = ""
    conversation: str = ""


@dataclass
class World:
    """An index that is filled by the real parsers, and what a reader of everything knows."""

    db: object
    chance: random.Random
    told: dict[str, Told] = field(default_factory=dict)

    def __post_init__(self):
        names = Names(bytes(32))
        self.writer = Writer(self.db)
        units = Units(self.writer, names, Threads(self.writer, names))
        self.assembler = Assembler(self.writer, units, lambda _: b"")

    def says(self):
        return " ".join(self.chance.choices(VOCABULARY, [9, 1, 5, 4, 3, 2, 1, 1], k=6))

    def new(self, **fields):
        told = Told(**fields)
        self.told[f"m{len(self.told)}"] = told
        return told

    def mark(self):
        return f"m{len(self.told)}"

    def moment(self):
        return START + timedelta(hours=self.chance.randrange(40))

    def mail(self):
        sender, to = (self.chance.randrange(6) for _ in range(2))
        at = self.moment() if self.chance.random() < 0.9 else None
        subject, mark, body = self.says(), self.mark(), self.says()
        lines = [f"Message-ID: <{mark}@x>", f"From: Jan{sender} <p{sender}@x.nl>"]
        lines += [f"To: p{to}@y.nl", f"Subject: {subject}"]
        lines += [f"Date: {at:%a, %d %b %Y %H:%M:%S +0000}"] if at else []
        if self.told and self.chance.random() < 0.5:
            lines.append(f"In-Reply-To: <m{self.chance.randrange(len(self.told))}@x>")
        people = [f"jan{sender} mailto:p{sender}@x.nl", f"mailto:p{to}@y.nl"]
        self.new(
            kind=UnitKind.MAIL, app="mail", columns=[subject, f"{mark} {body}", " ".join(people)],
            people=people, at=at, **self.where("post"),
        )  # fmt: skip
        self.file("maildir", f"cur/{mark}", "\n".join([*lines, "", f"{mark} {body}", ""]).encode())

    def chat(self):
        source, lines = self.where("telefoon"), []
        for _ in range(6):
            at, mark, body = self.moment(), self.mark(), self.says()
            name = self.chance.choice(["Piet", "Klaas", ""])
            kind = UnitKind.MESSAGE if name else UnitKind.SYSTEM
            # `head` is the clock of Amsterdam, in winter
            head = f"{at + timedelta(hours=1):%d-%m-%Y %H:%M} - "
            lines.append(f"{head}{name}: {mark} {body}\n" if name else f"{head}{mark} {body}\n")
            self.new(
                kind=kind, app="whatsapp", columns=["", f"{mark} {body}", name.lower()],
                people=[name.lower()] if name else [], at=at, **source,
            )  # fmt: skip
        path = f"WhatsApp-chat met Groep {self.chance.randrange(3)} {len(self.told)}.txt"
        self.file("whatsapp-export", path, "".join(lines).encode())

    def thing(self):
        path = f"{self.chance.choice(VOCABULARY)}/{self.mark()}.odt"
        self.new(
            kind=UnitKind.FILE, app="file", columns=[path, "", ""], people=[], at=None,
            **self.where("schijf"),
        )  # fmt: skip
        self.file("folder", path, self.chance.randbytes(30))

    def where(self, source):
        labels = set(self.chance.sample(LABELS, self.chance.choice([0, 0, 1, 2])))
        device = self.chance.choice(["laptop", "tablet"])
        return {"device": device, "source": source, "labels": labels}

    def file(self, reader, path, data):
        told = self.told[f"m{len(self.told) - 1}"]
        number = len(self.told)
        self.db.execute("BEGIN")
        batch = self.writer.batch(number, f"{number:064x}", (told.device, 0, number), b"")
        row = FileRow(0, told.device, f"van {told.device}", told.source, path.encode(), reader)
        file = self.writer.file(row, f"{number:032x}")
        digest = hashlib.sha256(data).hexdigest()
        segment = self.writer.segment(batch, 0, file.id, len(data), digest, told.labels)
        self.assembler.pieces[segment] = parse(reader, path.encode(), data)
        capture = self.writer.capture(batch, 1, file.id, None, [segment])
        self.assembler.capture(file, capture, None, 0)
        self.db.execute("COMMIT")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    names = Names(bytes(32))
    path = tmp_path_factory.mktemp("index") / "collection.db"
    made = World(open_database(path, names.database), random.Random(3))
    for _ in range(60):
        made.mail()
        if made.chance.random() < 0.2:
            made.chat()
        if made.chance.random() < 0.2:
            made.thing()
    opened = Opened(lambda _: b"", lambda: None, lambda _: None)
    with IndexedCollection(path, made.db, opened) as collection:
        for unit in collection.units(Query()):
            told = made.told[re.search(r"\bm\d+\b", f"{unit.snippet} {unit.subject}")[0]]
            told.id, told.conversation = unit.id, unit.conversation
        assert all(told.id for told in made.told.values())
        made.collection = collection
        yield made


def has_text(told, text):
    columns = [re.findall(r"[a-z0-9]+", column.lower()) for column in told.columns]

    def occurs(term):
        words = term.strip('"*').split()
        star = term.endswith("*")
        for column in columns:
            for at in range(len(column) - len(words) + 1):
                met = column[at : at + len(words)]
                if met == words or (star and met[0].startswith(words[0])):
                    return True
        return False

    return all(occurs(term) for term in re.findall(r'"[^"]*"|\S+', text))


def has_label(told, label):
    return bool(told.labels) if label == "any" else label in told.labels


def is_asked(told, query):
    asked = (
        (query.devices, told.device),
        (query.sources, told.source),
        (query.custodies, f"van {told.device}"),
        (query.apps, told.app),
        (query.kinds, told.kind),
        (query.ids, told.id),
        ([query.conversation] if query.conversation else [], told.conversation),
    )
    return (
        all(not wanted or value in wanted for wanted, value in asked)
        and has_text(told, query.text)
        and (not query.party or any(query.party.lower() in one for one in told.people))
        and (not query.label or has_label(told, query.label))
        and (query.since is None or (told.at is not None and told.at >= query.since))
        and (query.until is None or (told.at is not None and told.at < query.until))
    )  # fmt: skip


def expected(world, query):
    found = [told for told in world.told.values() if is_asked(told, query)]
    sign = -1 if query.newest_first else 1
    return sorted(found, key=lambda t: (t.at is None, sign * t.at.timestamp() if t.at else 0, t.id))


def question(world, chance):
    def some(values):
        return tuple(chance.sample(values, chance.randint(1, len(values))))

    word = lambda: chance.choice(VOCABULARY)  # noqa: E731
    at = world.moment()
    parts = {
        "text": lambda: chance.choice(
            [word(), f"{word()} {word()}", f'"{word()} {word()}"', f"{word()[:2]}*", "a*", "m7 aap"]
        ),
        "devices": lambda: some(["laptop", "tablet", "geen"]),
        "custodies": lambda: some(["van laptop", "van niemand"]),
        "sources": lambda: some(["post", "telefoon", "schijf"]),
        "apps": lambda: some(["mail", "whatsapp", "file"]),
        "kinds": lambda: some(list(UnitKind)),
        "label": lambda: chance.choice([*LABELS, "any", "geen"]),
        "party": lambda: chance.choice(["p3@", "JAN", "piet", "x.nl", "niemand"]),
        "since": lambda: at,
        "until": lambda: at + timedelta(hours=chance.randrange(1, 30)),
        "conversation": lambda: chance.choice([t.conversation for t in world.told.values()]),
        "ids": lambda: some([t.id for t in world.told.values()]),
    }
    wanted = chance.sample(list(parts), chance.choice([0, 1, 1, 2, 2, 3]))
    return Query(**{name: parts[name]() for name in wanted}, newest_first=chance.random() < 0.5)


def check_questions(world, chance, times):
    met = 0
    for _ in range(times):
        query = question(world, chance)
        wanted = expected(world, query)
        ids = [told.id for told in wanted]
        assert [unit.id for unit in world.collection.units(query)] == ids, query
        assert world.collection.count(query) == len(ids)
        assert paged(world, query) == ids, query
        check_conversations(world, query, wanted)
        met += bool(ids)
    assert met > times / 3


def paged(world, query):
    pages = []
    while not pages or len(pages[-1]) == PAGE:
        after = pages[-1][-1] if pages else ""
        page = world.collection.units(replace(query, limit=PAGE, after=after))
        pages.append([unit.id for unit in page])
    return [unit for page in pages for unit in page]


@pytest.mark.parametrize("few", [4_000, 3])
def test_any_question_finds_what_a_reader_of_everything_finds(world, monkeypatch, few):
    monkeypatch.setattr(searching, "FEW", few)
    monkeypatch.setattr(searching, "WALKED", 5 * few)
    monkeypatch.setattr(facets, "MANY", few // 100)
    check_questions(world, random.Random(few), 50)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(8))
def test_many_questions(world, monkeypatch, seed):
    monkeypatch.setattr(searching, "FEW", (4_000, 3)[seed % 2])
    monkeypatch.setattr(searching, "WALKED", (10_000, 20)[seed // 2 % 2])
    monkeypatch.setattr(facets, "MANY", (200, 2)[seed // 4 % 2])
    check_questions(world, random.Random(seed), 500)


def check_conversations(world, query, wanted):
    newest = {}
    for told in wanted:
        at = told.at.timestamp() if told.at else float("-inf")
        newest[told.conversation] = max(at, newest.get(told.conversation, float("-inf")))
    found = [one.id for one in world.collection.conversations(query)]
    assert set(found) == set(newest)
    assert [newest[one] for one in found] == sorted(newest.values(), reverse=True)
    first = [one.id for one in world.collection.conversations(replace(query, limit=2))]
    assert first == found[:2]
