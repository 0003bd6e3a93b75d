# SPDX-License-Identifier: EUPL-1.2
"""A small real custody without a server: a log in memory and devices that seal into it."""

import hashlib
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from lakzegel_core import tiles
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.encoding import b64, canonical_json, format_time
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.item import Place, seal_item
from lakzegel_core.keyring import Keyring, open_keyring, seal_keyring
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_office.__main__ import main
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.config import read_config
from lakzegel_office.errors import MissingError
from lakzegel_office.home import Home
from lakzegel_office.journal import Journal, journal_key
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.pull import Puller
from lakzegel_office.vault import INDEX, Vault

ORIGIN = "log.example/test"
APPROVERS = ("approval-1", "approval-2")
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
_CODED = __import__("zstandard").ZstdCompressor(level=3)


def new_key(name, algorithm=Algorithm.ED25519):
    return SigningKey.from_seed(name, algorithm, os.urandom(32))


class Receiver:
    """The receiver as the office sees it; a test may make it lie."""

    def __init__(self):
        self.ed25519 = new_key(ORIGIN)
        self.mldsa = new_key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)
        self.log = []
        self.batches = {}
        self.keyrings = {}
        self.annexes = {}
        self.sent = []
        self.held = None
        self.cosignatures = []
        self.now = START

    def root(self, size=None):
        return root_of([leaf_hash(entry) for entry in self.log[:size]])

    def append(self, entry):
        self.log.append(entry)
        return len(self.log) - 1

    def checkpoint(self):
        tree = Checkpoint(ORIGIN, len(self.log), self.root())
        return sign_checkpoint(tree, self.ed25519, self.mldsa, now=int(self.now.timestamp()))

    def entries(self, path):
        tile = tiles.parse_tile_path(path)
        first = tile.index * tiles.WIDTH
        if first + tile.width > len(self.log):
            raise MissingError(path)
        return tiles.encode_entries(self.log[first : first + tile.width])

    def batch(self, name):
        data = self._find(self.batches, name)
        return iter([data[i : i + 7000] for i in range(0, len(data), 7000)])

    def keyring(self, name):
        return self._find(self.keyrings, name)

    def annex(self, digest):
        return self._find(self.annexes, digest)

    def timestamps(self, since, after):
        raise MissingError("a receiver of before there were timestamps")

    def send_annex(self, digest, data):
        self.annexes[digest] = data

    def send_cosignature(self, note):
        self.cosignatures.append(note)

    def send_held(self, note):
        self.held = note

    def send_note(self, note):
        self.sent.append(note)
        self.append(note)

    def replace_keyring(self, name, note, keyring):
        self.sent.append(note)
        if note not in self.log:
            self.append(note)
        self.keyrings[name] = keyring

    def _find(self, where, name):
        if name not in where:
            raise MissingError(f"{name}: 404")
        return where[name]


@dataclass
class Device:
    """A device that seals what a test tells it to, honestly or not."""

    receiver: Receiver
    recipients: list
    name: str
    header: SigningKey
    witness: SigningKey
    annex: Identity
    previous: bytes
    enrolment: Enrolment
    epoch: int = 0
    batch: int = 0
    newest: bytes | None = None
    policy: bytes = bytes(32)
    files: dict = field(default_factory=dict)

    def rotate(self, *, by=None, **changes):
        """Replace its keys by a note that the old header key vouches for; returns that key."""
        old, head = self.header, self.newest
        self.epoch, self.batch = self.epoch + 1, 0
        self.header = new_key(device_key_name(ORIGIN, self.name, self.epoch, "header"))
        witness = device_key_name(ORIGIN, self.name, self.epoch, "witness")
        self.witness = new_key(witness, Algorithm.ED25519_COSIGNATURE)
        made = replace(
            self.enrolment,
            epoch=self.epoch,
            header=self.header.verifier,
            witness=self.witness.verifier,
            reason=Reason.ROTATED,
            previous=head,
            known=head,
            seen_size=len(self.receiver.log),
            seen_root=self.receiver.root(),
        )
        signed = sign_enrolment(replace(made, **changes), self.header, by or old)
        self.receiver.append(signed)
        self.enrolment, self.previous = made, hashlib.sha256(signed).digest()
        return old

    def seal(self, *, kind="segment", payload=b"", context=None, source="mail", index=0, **place):
        where = Place(
            ORIGIN,
            place.get("device", self.name),
            self.epoch,
            place.get("batch", self.batch),
            index,
        )
        return seal_item(
            kind=kind,
            source=source,
            payload=payload,
            context=context or {},
            place=where,
            random=os.urandom,
            compress=_CODED.compress,
        )

    reader: str = "folder"  # which a context names

    def context(self, path, file):
        named = {"path": path} if isinstance(path, str) else {"path64": b64(path)}
        return {"file": file, "mtime": "1700000000000000001", "reader": self.reader, **named}

    def file_items(self, path, pieces, *, source="mail", version=0, file=None, mode=0o640, first=0):
        """Seal a file of these pieces as segments and a capture."""
        file = file or self.files.setdefault((source, path), os.urandom(16).hex())
        items = [
            self.seal(payload=piece, context=self.context(path, file), source=source, index=i)
            for i, piece in enumerate(pieces, first)
        ]
        rows = [
            [self.epoch, self.batch, i, len(piece), b64(item.entry.commitment)]
            for i, (piece, item) in enumerate(zip(pieces, items, strict=True), first)
        ]
        return [*items, self.capture(path, rows, file, source, version, mode, first + len(items))]

    def capture(self, path, rows, file, source="mail", version=0, mode=0o640, index=0, base=None):
        payload = canonical_json(
            {
                **({} if base is None else {"base": base}),
                "file": file,
                "mode": mode,
                "mtime": "1700000000000000001",
                "segments": rows,
                "size": sum(row[3 if len(row) == 5 else 2] for row in rows),
                "version": version,
            }
        )
        context = self.context(path, file)
        return self.seal(
            kind="capture", payload=payload, context=context, source=source, index=index
        )

    def observation(self, value, *, source="mail", index=0):
        return self.seal(
            kind="observation", payload=canonical_json(value), source=source, index=index
        )

    def send_files(self, files, *, source="mail", **more):
        """Seal whole files, one segment each, as one batch."""
        items = []
        for path, data in files.items():
            items += self.file_items(path, [data], source=source, first=len(items), **more)
        return self.send(items)

    def send_as(self, reader, files, *, version=0, ids=None, **more):
        """Seal files as this reader cuts them, a list of segments each; returns their histories."""
        self.reader, ids, items = reader, {} if ids is None else ids, []
        for path, pieces in files.items():
            file = ids.setdefault(path, os.urandom(16).hex())
            items += self.file_items(
                path, pieces, file=file, version=version, first=len(items), **more
            )
        self.send(items)
        self.reader = "folder"
        return ids

    def send(self, items, *, keys=None, publish=True, **changes):
        """Close a batch over the items and have the receiver seal it; returns its id in hex."""
        entries = [item.entry for item in items]
        contents = contents_root(entries)
        slots = tuple(keys if keys is not None else [item.key for item in items])
        ring = Keyring(ORIGIN, self.name, self.epoch, self.batch, len(items), contents, slots)
        ring = replace(ring, **changes.pop("ring", {}))
        keyring = seal_keyring(ring, self.recipients, random=os.urandom)
        header = Header(
            origin=ORIGIN,
            device=self.name,
            epoch=self.epoch,
            batch=self.batch,
            previous=self.previous,
            seen=Seen(len(self.receiver.log), self.receiver.root()),
            closed=self.receiver.now,
            items=len(items),
            contents=contents,
            keyring=hashlib.sha256(keyring).digest(),
            policy=self.policy,
            state=State.OPEN,
        )
        signed = sign_header(replace(header, **changes), self.header)
        name = batch_id(signed).hex()
        manifest = b"".join(entry.to_bytes() for entry in entries)
        data = signed + manifest + b"".join(item.ciphertext for item in items)
        self.receiver.batches[name] = data
        self.receiver.keyrings[name] = keyring
        if publish:
            self.receiver.append(signed)
            self.previous = self.newest = batch_id(signed)
            self.batch += 1
        return name


@dataclass
class World:
    """One office, one receiver, and how to make devices."""

    home: Home
    passphrase_file: object
    receiver: Receiver
    vault: Vault

    @property
    def config(self):
        return read_config(self.home.config)

    def run(self, *arguments):
        """Run a command of the office on this home; return its exit code."""
        home = ["--home", str(self.home.root), "--passphrase-file", str(self.passphrase_file)]
        return main([*arguments, *home])

    def trail(self):
        """What the audit trail says, oldest first."""
        key = journal_key(self.vault.load(INDEX))
        return [entry.says for entry in Journal(self.home.records / "audit.jsonl", key).read()]

    def destroy(self, device, name, *items, certificate=bytes(32)):
        """Have the log say that these items of a batch are gone, as two approvers sign it."""
        before = self.receiver.keyrings[name]
        ring = open_keyring(before, [Identity.from_text(self.vault.identity("records").to_text())])
        slots = tuple(bytes(32) if n in items else slot for n, slot in enumerate(ring.slots))
        sealed = seal_keyring(replace(ring, slots=slots), device.recipients, random=os.urandom)
        change = KeyringChange(
            origin=ring.origin,
            device=ring.device,
            epoch=ring.epoch,
            batch=ring.batch,
            old=hashlib.sha256(before).digest(),
            new=hashlib.sha256(sealed).digest(),
            generation=1,
            reason="dispose",
            recipients=bytes(32),
            destroyed=tuple(items),
            certificate=certificate,
            at=self.receiver.now,
        )
        keys = [self.vault.signer(key, self.config.keys[key]) for key in APPROVERS]
        self.receiver.append(sign_keyring_change(change, keys))
        self.receiver.keyrings[name] = sealed
        (self.home.mirror / "keyrings" / f"{name}.keyring").write_bytes(sealed)

    def puller(self, *, whole=False):
        def texts():
            keys = period_keys(self.vault, self.config.periods)
            return [key.identity.to_text() for key in keys]

        parties = (self.home, self.config, self.vault, self.receiver, texts)
        return Puller(*parties, lambda _: None, whole=whole)

    def pull(self, *, whole=False):
        with self.home.exclusive():
            return self.puller(whole=whole).run()

    def enrol(self, name="minister", *, custody="default"):
        token = new_key(f"{ORIGIN}/token/{os.urandom(4).hex()}")
        admission = Admission(
            ORIGIN, token.verifier, name, None, 1, START + timedelta(days=30), custody
        )
        enrolment_key = self.vault.signer("enrolment", self.config.keys["enrolment"])
        admitted = sign_admission(admission, enrolment_key)
        self.receiver.append(admitted)
        header = new_key(device_key_name(ORIGIN, name, 0, "header"))
        witness = new_key(
            device_key_name(ORIGIN, name, 0, "witness"), Algorithm.ED25519_COSIGNATURE
        )
        annex = Identity.from_seed(os.urandom(32))
        enrolment = Enrolment(
            origin=ORIGIN,
            device=name,
            epoch=0,
            group=None,
            header=header.verifier,
            witness=witness.verifier,
            annex=annex.recipient,
            admission=hashlib.sha256(admitted).digest(),
            reason=Reason.FIRST,
            previous=None,
            known=None,
            seen_size=len(self.receiver.log),
            seen_root=self.receiver.root(),
            enrolled=START,
        )
        signed = sign_enrolment(enrolment, header, token)
        self.receiver.append(signed)
        recipients = list(self.config.recipients.values())
        previous = hashlib.sha256(signed).digest()
        return Device(self.receiver, recipients, name, header, witness, annex, previous, enrolment)


PASSPHRASE = "een zin die niemand raadt"


@pytest.fixture(scope="session")
def founded():
    """How to have an initialised office in a folder, and a receiver that holds its delegation."""
    return _founded


def make_world(tmp_path):
    """An initialised office and a receiver whose log holds its delegation."""
    return _founded(tmp_path)


def _founded(tmp_path):
    receiver = Receiver()
    (tmp_path / "log.keys").write_text(
        f"{receiver.ed25519.verifier.to_text()}\n{receiver.mldsa.verifier.to_text()}\n"
    )
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    home = Home(tmp_path / "office")
    code = main(
        [
            "init",
            "--home",
            str(home.root),
            "--log-keys",
            str(tmp_path / "log.keys"),
            "--passphrase-file",
            str(tmp_path / "passphrase"),
            "--org",
            "records.example",
            "--work-factor",
            "5",
        ]
    )
    assert code == 0
    receiver.append((home.notes / "delegation.note").read_bytes())
    vault = Vault.unlock(home.keys, PASSPHRASE)
    return World(home, tmp_path / "passphrase", receiver, vault)


@pytest.fixture
def world(tmp_path):
    """An initialised office and a receiver whose log holds its delegation."""
    return make_world(tmp_path)


@pytest.fixture
def device(world):
    """A device that is enrolled."""
    return world.enrol()


@pytest.fixture
def dispose(world, device):
    """How to have the log say that items of a batch are gone; what it does not say is true."""

    def dispose(name, *items, keep=False, signers=("approval-1", "approval-2"), **changes):
        ring = open_keyring(world.receiver.keyrings[name], [world.vault.identity("records")])
        gone = () if keep else items
        slots = tuple(bytes(32) if n in gone else slot for n, slot in enumerate(ring.slots))
        sealed = seal_keyring(replace(ring, slots=slots), device.recipients, random=os.urandom)
        change = KeyringChange(
            origin=ring.origin,
            device=ring.device,
            epoch=ring.epoch,
            batch=ring.batch,
            old=hashlib.sha256(world.receiver.keyrings[name]).digest(),
            new=hashlib.sha256(sealed).digest(),
            generation=1,
            reason="dispose",
            recipients=bytes(32),
            destroyed=tuple(items),
            certificate=bytes(32),
            at=world.receiver.now,
        )
        keys = [world.vault.signer(key, world.config.keys[key]) for key in signers]
        signed = sign_keyring_change(replace(change, **changes), keys)
        world.receiver.append(signed)
        world.receiver.keyrings[name] = sealed
        return signed

    return dispose


@pytest.fixture
def at():
    """How a time is written."""
    return format_time


@pytest.fixture
def collected(world):
    """How to pull what was sealed and have the collection of it."""
    opened = []

    def collect():
        world.pull()
        office = Office(world.home, world.config, world.vault)
        opened.append(open_collection(office)[0])
        return opened[-1]

    yield collect
    for collection in opened:
        collection.close()
