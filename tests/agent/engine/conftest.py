# SPDX-License-Identifier: EUPL-1.2
"""A device without a network: what its engine seals, opened and rebuilt with core alone."""

import hashlib
import json
import os
import threading
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from lakzegel_agent.capture import Patience, SealContext, WatchedSource, capture_pass
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.sealing.pool import Pool
from lakzegel_agent.spool import Spool
from lakzegel_core.age import Identity
from lakzegel_core.batch import BatchStream, batch_id, open_batch_file, open_header
from lakzegel_core.encoding import canonical_json, unb64
from lakzegel_core.keyring import open_keyring
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_office.opening import capture_of, indexed

ORIGIN = "log.example/test"
DEVICE = "minister-1"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
QUICK = Patience(tries=3, first=0.01, factor=2.0)


@dataclass
class Sealed:
    """One opened item and where it was."""

    epoch: int
    batch: int
    index: int
    item: object

    @property
    def payload(self):
        return json.loads(self.item.payload)


@dataclass
class Archive:
    """What an office would make of the batches of one device."""

    items: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    last: tuple | None = None

    def of_kind(self, kind, source=None):
        return [
            s for s in self.items
            if s.item.kind == kind and source in (None, s.item.source)
        ]  # fmt: skip

    def observations(self, type_=None):
        said = [s.payload for s in self.of_kind("observation")]
        return [value for value in said if type_ in (None, value["type"])]

    def named(self, sealed):
        """Every segment that a capture names, those of its base's stretches too."""
        stated = sealed.payload
        rows = []
        if "base" in stated:
            *place, commitment = stated["base"]
            assert tuple(place) < (sealed.epoch, sealed.batch, sealed.index)
            found = next(s for s in self.items if [s.epoch, s.batch, s.index] == place)
            assert (found.item.kind, "base" in found.payload) == ("capture", False)
            assert found.item.commitment == unb64(commitment, what="commitment", size=32)
            assert found.payload["file"] == stated["file"]
            assert found.payload["version"] < stated["version"]
            rows = found.payload["segments"]
        for part in stated["segments"]:
            if len(part) == 5:
                yield part
                continue
            first, count, size = part
            taken = rows[first : first + count]
            assert len(taken) == count > 0
            assert sum(row[3] for row in taken) == size
            yield from taken

    def versions(self, source="docs"):
        """Every version of every file: path to the list of its contents, oldest first."""
        segments = {(s.epoch, s.batch, s.index): s.item for s in self.of_kind("segment")}
        found = defaultdict(list)
        for sealed in self.of_kind("capture", source):
            stated = sealed.payload
            assert canonical_json(stated) == sealed.item.payload
            whole = b""
            for epoch, batch, index, size, commitment in self.named(sealed):
                item = segments[(epoch, batch, index)]
                assert (epoch, batch, index) < (sealed.epoch, sealed.batch, sealed.index)
                assert item.commitment == unb64(commitment, what="commitment", size=32)
                assert item.context["file"] == stated["file"] == sealed.item.context["file"]
                assert len(item.payload) == size
                whole += item.payload
            assert len(whole) == stated["size"]
            found[path_of(sealed.item.context)].append(whole)
        return dict(found)

    def latest(self, source="docs"):
        return {path: contents[-1] for path, contents in self.versions(source).items()}


def path_of(context):
    if "path" in context:
        return context["path"].encode()
    return unb64(context["path64"], what="path")


class Engine:
    """One home of a device and the folder that it watches."""

    def __init__(self, folder, *, workers=1, key=None, home=None):
        self.root = folder / "docs"
        self.root.mkdir(exist_ok=True)
        self.home = home or folder / "home"
        self.home.mkdir(exist_ok=True)
        self.opened = Archive()
        self.key = key or hashlib.sha256(b"ledger").digest()
        self.identity = Identity.from_seed(hashlib.sha256(b"office").digest())
        self.enrolment = hashlib.sha256(b"enrolment").digest()
        self.ledger = Ledger.open(self.home / "ledger.sqlite", self.key)
        self.spool = Spool.open(self.home / "spool")
        self.pool = Pool.open(workers)
        self.stop = threading.Event()
        self.rows = []
        self.progress = []
        self.now = NOW
        self.clock = lambda: self.now
        self.patience = QUICK
        self.context = SealContext(
            origin=ORIGIN,
            device=DEVICE,
            epoch=0,
            header_key=self.header_key(0),
            recipients=(self.identity.recipient,),
            policy_id=bytes(32),
            batch_limit=2**20,
            spool_limit=2**30,
            ledger_key=self.key,
        )
        self.source = WatchedSource("docs", "folder", os.fsencode(self.root), None, 0.0)
        if self.ledger.epoch() is None:
            self.ledger.begin_epoch(0, self.enrolment)

    @staticmethod
    def header_key(epoch):
        seed = hashlib.sha256(b"header %d" % epoch).digest()
        return SigningKey.from_seed(f"{ORIGIN}/{DEVICE}/{epoch}/header", Algorithm.ED25519, seed)

    def use(self, **changes):
        self.context = replace(self.context, **changes)

    def watch(self, **changes):
        self.source = replace(self.source, **changes)

    def write(self, path, data):
        name = path if isinstance(path, bytes) else path.encode()
        target = self.root / os.fsdecode(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def capture(self, *sources, on_batch=None, wait_for_room=None):
        return capture_pass(
            sources or [self.source],
            self.context,
            ledger=self.ledger,
            spool=self.spool,
            pool=self.pool,
            clock=self.clock,
            wait_for_room=wait_for_room or (lambda _: False),
            on_batch=on_batch or self.rows.append,
            progress=self.progress.append,
            stop=self.stop,
            patience=self.patience,
        )

    def restart(self):
        """As after a kill: another process finds the home."""
        self.pool.close()
        self.ledger.close()
        self.ledger = Ledger.open(self.home / "ledger.sqlite", self.key)
        self.spool = Spool.open(self.home / "spool")
        self.spool.tidy(self.ledger.spooled())
        self.pool = Pool.open(1)

    def close(self):
        self.pool.close()
        self.ledger.close()

    def archive_of_all(self):
        """Open what waits, too: after what was opened before and is gone from the spool."""
        self.opened = self.archive(self.opened)
        return self.opened

    def archive(self, before=None):
        """Open every batch that waits, checking the chain as a receiver and an office do."""
        archive = before or Archive()
        previous, number = self.enrolment, 0
        if archive.last is not None:
            previous, number = archive.last
        for row in self.ledger.waiting():
            if row.epoch == self.context.epoch:
                upload = self.spool.upload(row.epoch, row.batch)
                key = self.header_key(row.epoch).verifier
                stream = BatchStream(lambda data, key=key: open_header(data, key))
                sent = b"".join(map(bytes, upload))
                assert len(sent) == len(upload) == row.size
                stream.feed(sent)
                header = stream.finish()
                assert (header.batch, header.previous) == (number, previous)
                assert batch_id(stream.header_bytes) == row.id
                previous, number = row.id, number + 1
                archive.headers.append(header)
                archive.last = previous, number
                self._open(archive, row, sent[: stream.batch_size], sent[stream.batch_size :])
        return archive

    def _open(self, archive, row, data, keyring):
        batch = open_batch_file(lambda start, size: data[start : start + size], size=len(data))
        ring = open_keyring(keyring, [self.identity])
        assert (ring.epoch, ring.batch, ring.contents) == (
            row.epoch,
            row.batch,
            batch.header.contents,
        )
        for index, slot in enumerate(ring.slots):
            item = batch.item(index, slot)
            line = indexed(index, item)  # as the office takes it
            if item.kind == "capture":
                capture_of(line)
            archive.items.append(Sealed(row.epoch, row.batch, index, item))


@pytest.fixture
def engine(tmp_path):
    made = Engine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def make_engine():
    return Engine
