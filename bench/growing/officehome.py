# SPDX-License-Identifier: EUPL-1.2
"""The office of a long log: its keys, a mirror with all of the log, and the log replayed.

The mirror shares the full tiles of the receiver's DATA, by hard links: nobody changes one. What is
not there are the batch files of all but the newest entries, at which no incremental work looks.

The replay is the office's own, of each entry. It may be begun at any entry by a short cut, so that
several processes share ten million; it stops now and then and leaves a savepoint, whose name has
its SHA-256: the one that begins there left the same, or the short cut is none.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.growing.people import ORIGIN, Office, key
from lakzegel_core import tiles
from lakzegel_core.age import Identity
from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.custody import Custody
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import KIND
from lakzegel_core.entries import kind_of
from lakzegel_core.held import Held, sign_held
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.tiles import HashReader
from lakzegel_office.__main__ import main
from lakzegel_office.backlog import Backlog
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.config import SIGNERS, Config, read_config
from lakzegel_office.home import Home
from lakzegel_office.keys.periods import ROLES, first_period
from lakzegel_office.lastverify import LastVerify
from lakzegel_office.memory import PULLED, Memory, Sealed, pulled_context
from lakzegel_office.mirror import Mirror, read_bundle
from lakzegel_office.places import HEADER, Places, remove
from lakzegel_office.replay import Replay
from lakzegel_office.replaykept import resume, said_of
from lakzegel_office.vault import INDEX, Vault
from lakzegel_office.verification import Verification
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_log_keys
from lakzegel_server.logstore import LogStore

PASSPHRASE: Final = "a phrase of the bench"
PARTS: Final = "parts"  # below the work folder: what each stop of a replay left
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LongOffice:
    """One home, its parts opened."""

    home: Home
    config: Config
    vault: Vault
    mirror: Mirror

    @classmethod
    def found(cls, work: Path, data: Path) -> LongOffice:
        """Return the office that is below a folder; made, with the mirror of a DATA, if none is."""
        home = Home(work / "office")
        if not home.config.exists():
            _found(work, home, data)
        vault = Vault.unlock(home.keys, PASSPHRASE)
        found = cls(home, read_config(home.config), vault, Mirror(home.mirror))
        if not found.mirror.held.exists():
            found._mirror(data / "log")
        return found

    @property
    def size(self) -> int:
        """How many entries are mirrored."""
        return Checkpoints.load(self.mirror, self.config).newest.checkpoint.size

    def _mirror(self, log: Path) -> None:
        signed = open_checkpoint((log / "checkpoint").read_bytes(), self.config.log)
        tree = signed.checkpoint
        for name in tiles.paths_for(tree.size):
            place = self.mirror.tile(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            if ".p/" in name:
                shutil.copy(log / name, place)
            else:
                os.link(log / name, place)
        self.mirror.checkpoints.mkdir()
        self.mirror.checkpoint.write_bytes(signed.data)
        (self.mirror.checkpoints / f"{tree.size}-0").write_bytes(signed.data)
        signed_at = datetime.fromtimestamp(signed.signed_at, UTC)
        held = Held(ORIGIN, tree.size, tree.root, signed_at)
        self.mirror.held.write_bytes(
            sign_held(held, self.vault.signer("held", self.config.keys["held"]))
        )
        (self.home.state / "tidied").write_bytes(b"%d\n" % tree.size)

    def entries(self, first: int, upto: int) -> Iterator[tuple[int, bytes]]:
        """Yield entries of the mirror, each with its place."""
        size = self.size
        for bundle in range(first // tiles.WIDTH, -(-upto // tiles.WIDTH)):
            begin = bundle * tiles.WIDTH
            for index, entry in enumerate(read_bundle(self.mirror, bundle, size), begin):
                if first <= index < upto:
                    yield index, entry

    def begin(self, first: int, devices: int, places: Places) -> Replay:
        """Return the log as it is replayed below an entry, by the entries that matter there."""
        checkpoints = Checkpoints.load(self.mirror, self.config)
        if first == 0:
            return Replay.start(self.config, self.mirror, checkpoints.signed_at, places)
        head = 3 + devices
        newest = self.entries(max(head, first - devices), first)
        custody = Custody.resume(
            ORIGIN,
            [*self.entries(0, min(head, first)), *newest],
            first,
            pinned=self.config.policy_keys,
            threshold=self.config.threshold,
        )
        replay = Replay(custody, self.mirror, checkpoints.signed_at, places)
        items = [[f"laptop-{n}", 0, -(-(first - head - n) // devices)] for n in range(devices)]
        says: dict[str, Any] = {
            "accepted": first - head,
            "changes": [],
            "clock_back": {},
            "findings": [],
            "items": [row for row in items if row[2] > 0],
            "marks": [],
            "problems": [],
        }
        root = HashReader(first, self.mirror.read_log).root()
        resume(replay, first, root, says)
        return replay

    def fill_places(self, places: Places, devices: int) -> None:
        """Have it know where each header lies, as a replay of the log would leave it."""
        head, size = 3 + devices, self.size
        for number in range(devices):
            for batch, index in enumerate(range(head + number, size, devices)):
                places.add((f"laptop-{number}", 0, batch), HEADER, index)

    def replay(self, work: Path, first: int, upto: int, every: int, devices: int) -> None:
        """Replay a stretch of the log, and leave what the custody is at each stop of it."""
        places = work / f"places-{first}.db"
        remove(places)
        replay = self.begin(first, devices, Places.kept(places))
        size, began = self.size, time.process_time()
        newest = Checkpoints.load(self.mirror, self.config).newest.checkpoint
        if first:
            self.stop(work, replay, first, 0.0)
        replay.roots.anchor(newest.size, newest.root)
        while replay.size < upto:
            before, (bundle, start) = replay.size, divmod(replay.size, tiles.WIDTH)
            for entry in read_bundle(self.mirror, bundle, size)[start:]:
                if replay.size < upto:
                    replay.feed(entry)
            if replay.size // every > before // every or replay.size >= upto:
                self.stop(work, replay, first, time.process_time() - began)
        replay.places.settle()
        replay.places.close()

    def stop(self, work: Path, replay: Replay, first: int, cpu: float) -> None:
        """Leave a savepoint, and beside it what the replay says."""
        folder = work / PARTS / str(first)
        folder.mkdir(parents=True, exist_ok=True)
        home = Home(folder)
        sealed = Sealed(self.vault.load(INDEX), pulled_context(self.config))
        name = f"at-{replay.size}"
        Memory(home, self.config, name, sealed).write(replay, {})
        (savepoint,) = (home.state / "savepoints").glob(f"{name}-*")
        says = said_of(replay)
        told = {
            "size": replay.size,
            "root": b64(replay.root(replay.size)),
            "savepoint": savepoint.name,
            "says": {**says, "items": sorted(says["items"])},
        }
        (folder / f"{replay.size}.json").write_text(json.dumps(told))
        problems = len(replay.problems)
        did = f"from {first}: {replay.size} entries, {cpu:.0f} s of processor"
        print(f"{did}, {problems} problems", file=sys.stderr, flush=True)

    def remember(self, replay: Replay, now: datetime) -> None:
        """Leave what a pull and a verify of all that is mirrored would leave."""
        size = replay.size
        sealed = Sealed(self.vault.load(INDEX), pulled_context(self.config))
        backlog = Backlog(size).to_json(replay, size)
        Memory(self.home, self.config, PULLED, sealed).write(replay, {"backlog": backlog})
        found = Verification(replay=replay)
        LastVerify(self.home, self.config, _silent).remember(found, now)


def devices_of(log: Path) -> int:
    """Return how many devices are enrolled before the first batch of a log that was made here."""
    layout = Layout(log / "data")
    store = LogStore(layout.log, layout.incoming)
    tree = open_checkpoint((layout.log / "checkpoint").read_bytes(), load_log_keys(layout))
    for count, entry in enumerate(store.entries(3, tree.checkpoint.size)):
        if kind_of(entry) != KIND:
            return count
    raise SystemExit(f"{log}: no log with batches")


def _found(work: Path, home: Home, data: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    (work / "passphrase").write_text(f"{PASSPHRASE}\n")
    arguments = ["--home", str(home.root), "--passphrase-file", str(work / "passphrase")]
    more = ["--log-keys", str(data / "log.keys"), "--org", "records.example"]
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(["init", *arguments, *more, "--work-factor", "5"])
    if code:
        raise SystemExit("the office cannot be founded")
    config, vault = read_config(home.config), Vault.unlock(home.keys, PASSPHRASE)
    signers = _signers()
    for name, signer in signers.items():
        vault.replace(name, signer.to_text().encode())
    identities = {role: Identity.from_seed(bytes([n]) * 32) for n, role in enumerate(ROLES)}
    for role, identity in identities.items():
        vault.replace(role, identity.to_text().encode())
    recipients = {role: identity.recipient for role, identity in identities.items()}
    config = replace(
        config,
        keys={name: signers[name].verifier for name in SIGNERS},
        periods=first_period(recipients, datetime(2026, 1, 1, tzinfo=UTC)),
    )
    home.config.write_text(config.to_toml())


def _signers() -> dict[str, SigningKey]:
    """Return the keys that the log's delegation names."""
    office = Office()
    cosigners = {
        role: key(f"records.example/{role}", Algorithm.ED25519_COSIGNATURE)
        for role in ("witness", "mirror")
    }
    return {
        "policy-records": office.policy[0],
        "policy-privacy": office.policy[1],
        "enrolment": office.enrolment,
        "approval-1": key("records.example/approval-1"),
        "approval-2": key("records.example/approval-2"),
        "held": key("records.example/held"),
        **cosigners,
    }


def _silent(text: str) -> None:
    del text
