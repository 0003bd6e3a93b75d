# SPDX-License-Identifier: EUPL-1.2
"""An office whose mirror is of a log of any length, made by a road that is shorter than pulling it.

Every entry is real: signed by its device, next of its chain, with a tree that the log had. Every
tile, checkpoint, savepoint and held statement is the one that there would be. Not there are the
batch and keyring files of all but the newest entries, and the index of places of these: what is
measured is what goes on after them, which reads none of that.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from lakzegel_core import note, tiles
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.checkpoint import Checkpoint, sign_checkpoint
from lakzegel_core.encoding import b64, canonical_json, format_time
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.errors import FormatError
from lakzegel_core.held import Held, sign_held
from lakzegel_core.item import Place, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import Frontier, leaf_hash
from lakzegel_office.__main__ import main
from lakzegel_office.config import Config, read_config
from lakzegel_office.errors import MissingError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.vault import Vault

ORIGIN: Final = "log.example/growth"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(seconds=3)
CHUNK: Final = 64 * tiles.WIDTH  # entries that are in memory at a time
SEEN_EVERY: Final = 1000  # entries; devices look at the log now and then
PASSPHRASE: Final = "a phrase of the bench"


@dataclass(slots=True)
class Device:
    """One device's chain."""

    name: str
    key: SigningKey
    previous: bytes
    batch: int = 0


class OfficeLog:
    """Office, log keys and devices; the log lies in the office's mirror alone."""

    def __init__(self, root: Path, devices: int) -> None:
        """Found the office in an empty folder."""
        self._keys = [_key(ORIGIN), _key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)]
        root.mkdir(parents=True)
        (root / "log.keys").write_text("".join(f"{k.verifier.to_text()}\n" for k in self._keys))
        (root / "passphrase").write_text(f"{PASSPHRASE}\n")
        self.home = Home(root / "office")
        arguments = ["--home", str(self.home.root), "--passphrase-file", str(root / "passphrase")]
        more = ["--log-keys", str(root / "log.keys"), "--org", "records.example"]
        if main(["init", *arguments, *more, "--work-factor", "5"]):
            raise SystemExit("the office cannot be founded")
        self.config: Config = read_config(self.home.config)
        self.vault = Vault.unlock(self.home.keys, PASSPHRASE)
        self.mirror = Mirror(self.home.mirror)
        self.edge = Frontier()
        self.mattering: dict[int, bytes] = {}  # entries that no later one supersedes, but heads
        self.heads: dict[str, tuple[int, bytes]] = {}
        self.batches: dict[str, bytes] = {}
        self.keyrings: dict[str, bytes] = {}
        self.new: list[bytes] = []  # entries that the mirror has not
        self.devices: list[Device] = []
        self._seen = (0, self.edge.root())
        self._begin(devices)

    @property
    def size(self) -> int:
        """How many entries the log has."""
        return self.edge.size

    def _begin(self, count: int) -> None:
        self._append((self.home.notes / "delegation.note").read_bytes(), matters=True)
        token = _key(f"{ORIGIN}/token/{os.urandom(4).hex()}")
        admission = Admission(
            ORIGIN, token.verifier, None, "all", count, START + timedelta(days=30), "default"
        )
        signer = self.vault.signer("enrolment", self.config.keys["enrolment"])
        admitted = sign_admission(admission, signer)
        self._append(admitted, matters=True)
        annex = Identity.from_seed(os.urandom(32)).recipient
        for number in range(count):
            name = f"laptop-{number}"
            key = _key(device_key_name(ORIGIN, name, 0, "header"))
            witness = device_key_name(ORIGIN, name, 0, "witness")
            enrolment = Enrolment(
                origin=ORIGIN,
                device=name,
                epoch=0,
                group="all",
                header=key.verifier,
                witness=_key(witness, Algorithm.ED25519_COSIGNATURE).verifier,
                annex=annex,
                admission=hashlib.sha256(admitted).digest(),
                reason=Reason.FIRST,
                previous=None,
                known=None,
                seen_size=0,
                seen_root=Frontier().root(),
                enrolled=START,
            )
            signed = sign_enrolment(enrolment, key, token)
            self._append(signed, matters=True)
            self.devices.append(Device(name, key, hashlib.sha256(signed).digest()))

    def _append(self, entry: bytes, *, matters: bool = False) -> None:
        if matters:
            self.mattering[self.size] = entry
        self.new.append(entry)
        self.edge.append(leaf_hash(entry))
        if self.size % SEEN_EVERY == 0:
            self._seen = (self.size, self.edge.root())

    def grow(self, size: int) -> None:
        """Have the log grow to a size by headers whose batches nobody looks at."""
        nothing = b64(bytes(32))
        while self.size < size:
            device = self.devices[self.size % len(self.devices)]
            closed = format_time(START + self.size * STEP)
            text = (
                f"lakzegel.nl/batch/v1\nlog {ORIGIN}\ndevice {device.name}\nepoch 0\n"
                f"batch {device.batch}\nprevious {b64(device.previous)}\n"
                f"seen {self._seen[0]} {b64(self._seen[1])}\nclosed {closed}\nitems 1\n"
                f"contents {nothing}\nkeyring {nothing}\npolicy {nothing}\nstate open\n"
            ).encode()
            self._take(device, note.sign(text, [device.key]))
            if len(self.new) >= CHUNK:
                self.mirrored()
        self.mirrored()

    def seal(self, count: int) -> None:
        """Have the log grow by batches that can be pulled and opened."""
        for _ in range(count):
            self._seal(self.devices[self.size % len(self.devices)])

    def _seal(self, device: Device) -> None:
        item = seal_item(
            kind="observation",
            source="mail",
            payload=canonical_json({"type": "start"}),
            context={},
            place=Place(ORIGIN, device.name, 0, device.batch, 0),
            random=os.urandom,
            compress=lambda data: data,
        )
        contents = contents_root([item.entry])
        ring = Keyring(ORIGIN, device.name, 0, device.batch, 1, contents, (item.key,))
        recipients = list(self.config.recipients.values())
        keyring = seal_keyring(ring, recipients, random=os.urandom)
        header = Header(
            origin=ORIGIN,
            device=device.name,
            epoch=0,
            batch=device.batch,
            previous=device.previous,
            seen=Seen(*self._seen),
            closed=START + self.size * STEP,
            items=1,
            contents=contents,
            keyring=hashlib.sha256(keyring).digest(),
            policy=bytes(32),
            state=State.OPEN,
        )
        signed = sign_header(header, device.key)
        name = batch_id(signed).hex()
        self.batches[name] = signed + item.entry.to_bytes() + item.ciphertext
        self.keyrings[name] = keyring
        self._take(device, signed)

    def _take(self, device: Device, signed: bytes) -> None:
        self.heads[device.name] = (self.size, signed)
        device.previous, device.batch = batch_id(signed), device.batch + 1
        self._append(signed)

    def mirrored(self) -> None:
        """Bring what is new into the mirror, as a pull would, and have it hold all of it."""
        before = self.size - len(self.new)
        update = tiles.new_tiles(before, self.new, self.mirror.read_log)
        for name in set(_edge(before)) - set(_edge(self.size)):
            self.mirror.tile(name).unlink()
            if not any(self.mirror.tile(name).parent.iterdir()):
                self.mirror.tile(name).parent.rmdir()
        for name, data in update.files.items():
            self.mirror.tile(name).parent.mkdir(parents=True, exist_ok=True)
            self.mirror.tile(name).write_bytes(data)
        self.new.clear()
        self.mirror.checkpoints.mkdir(exist_ok=True)
        for kept in self.mirror.checkpoints.iterdir():
            kept.unlink()
        self.mirror.checkpoint.write_bytes(self.checkpoint())
        (self.mirror.checkpoints / f"{self.size}-0").write_bytes(self.checkpoint())
        held = Held(ORIGIN, self.size, self.edge.root(), START + self.size * STEP)
        key = self.vault.signer("held", self.config.keys["held"])
        self.mirror.held.write_bytes(sign_held(held, key))

    # what a pull asks a receiver for

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint."""
        now = int((START + self.size * STEP).timestamp())
        return sign_checkpoint(
            Checkpoint(ORIGIN, self.size, self.edge.root()), *self._keys, now=now
        )

    def entries(self, path: str) -> bytes:
        """Return a bundle, of what is mirrored and what is new."""
        tile = tiles.parse_tile_path(path)
        before = self.size - len(self.new)
        first, last = tile.index * tiles.WIDTH, tile.index * tiles.WIDTH + tile.width
        old = read_bundle(self.mirror, tile.index, before) if first < before else []
        return tiles.encode_entries([*old, *self.new[max(0, first - before) : last - before]])

    def batch(self, name: str) -> Iterator[bytes]:
        """Yield a batch file."""
        yield self.batches[name]

    def keyring(self, name: str) -> bytes:
        """Return a keyring."""
        return self.keyrings[name]

    def timestamps(self, since: int, after: str | None) -> bytes:
        """Have none."""
        raise MissingError(f"no tokens since {since}, {after}")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is sent is taken
        if name.startswith("send_"):
            return lambda *_: None
        raise AttributeError(name)


def _edge(size: int) -> Iterator[str]:
    """Yield the partial tiles of a log."""
    for level in (tiles.ENTRIES, *range(tiles.MAX_LEVEL + 1)):
        index, width = divmod(size >> (tiles.HEIGHT * max(level, 0)), tiles.WIDTH)
        if width:
            yield tiles.TileId(level, index, width).path


def _key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    try:
        return SigningKey.from_seed(name, algorithm, os.urandom(32))
    except FormatError as error:
        raise SystemExit(str(error)) from error
