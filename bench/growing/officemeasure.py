# SPDX-License-Identifier: EUPL-1.2
"""What an office's `pull` and `verify --since last` cost on a long log, by its own command line.

A receiver serves a copy of DATA and seals two hundred batches; the office pulls them from it over
HTTP, and verifies. Twice, for the first pull leaves no savepoint: so few entries are not worth it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from bench.growing.building import Log
from bench.growing.officehome import PARTS, LongOffice, Tell
from bench.growing.people import ORIGIN, Device
from bench.loading.servers import lakzegel_server, receiver
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.encoding import canonical_json, unb64
from lakzegel_core.item import Place, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.manifest import contents_root
from lakzegel_office.places import KEPT, Places
from lakzegel_office.vault import ACCOUNT

NEW: Final = 200  # batches
COMMANDS: Final = {"pull": ("pull",), "verify --since last": ("verify", "--since", "last")}


def measure(log: Path, work: Path, devices: int, tell: Tell) -> list[dict[str, Any]]:
    """Return the figures of the log there; a copy of it grows, and is removed."""
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    try:
        data = _copied(log / "data", run / "data")
        office = LongOffice.found(run, data)
        tell(f"an office with a mirror of {office.size} entries")
        places = Places.kept(office.home.state / KEPT)
        office.fill_places(places, devices)
        replay = office.begin(office.size, devices, places)
        office.stop(work, replay, replay.size, 0.0)
        office.remember(replay, datetime.now(UTC).replace(microsecond=0))
        places.settle()
        places.close()
        replayed = proven(work, replay.size)
        tell(f"it goes on from what {'a replay' if replayed else 'the short cut'} says")
        found = _measured(office, data, devices, tell)
        return [{**row, "devices": devices, "replayed": replayed} for row in found]
    finally:
        shutil.rmtree(run, ignore_errors=True)


def proven(work: Path, size: int) -> bool:
    """Tell whether replays of each entry came to what the short cut says at this size."""
    if size == 0:
        return True
    parts = work / PARTS
    here = parts / str(size) / f"{size}.json"
    for other in parts.glob(f"*/{size}.json"):
        first = int(other.parent.name)
        if first < size and here.exists() and other.read_bytes() == here.read_bytes():
            return proven(work, first)
    return False


def _measured(office: LongOffice, data: Path, devices: int, tell: Tell) -> list[dict[str, Any]]:
    size, rows = office.size, []
    made = Made(data, devices, office)
    token = data.parent / "token"
    _account(data, token)
    with receiver(data, None, data.parent / "receiver.log") as (_, url):
        _connect(office, url, token.read_text().strip())
        tell("the receiver answers")
        for turn in ("first", "second"):
            for name, batch in made.batches(NEW):
                answer = requests.put(f"{url}/v1/batches/{name}", data=batch, timeout=60)
                answer.raise_for_status()
            for work, command in COMMANDS.items():
                cost = _run(office, command)
                _require_fine(work, cost)
                del cost["said"]
                row = {"size": size, "work": work, "turn": turn, **cost}
                tell(json.dumps(row))
                rows.append(row)
    return rows


def _run(office: LongOffice, command: tuple[str, ...]) -> dict[str, Any]:
    passphrase = office.home.root.parent / "passphrase"
    arguments = ["--passphrase-file", str(passphrase), "--json", "--quiet"]
    program = [sys.executable, "-m", "bench.growing.officerun", str(office.home.root)]
    done = subprocess.run(
        [*program, *command, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _require_fine(work: str, cost: dict[str, Any]) -> None:
    """What does not fit ends the bench."""
    said = cost["said"]
    fine = cost["code"] == 0 and (
        (said["fetched"], said["held"]) == (NEW, said["size"]) and said["opened"] == NEW
        if work == "pull"
        else said["since"] is not None
    )
    if not fine:
        raise SystemExit(f"{work}: not as it should be: {json.dumps(said)[:2000]}")


class Made:
    """Batches that can be pulled and opened, each the next of its device."""

    def __init__(self, data: Path, devices: int, office: LongOffice) -> None:
        self._log = Log.open(data, devices)
        self._office = office
        self._next = self._log.size
        self._seen = Seen(self._log.size, self._log.edge.root())
        self._closed = self._log.now

    def batches(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the upload of each."""
        notes = self._log.notes
        for index in range(self._next, self._next + count):
            device, number = notes.device_of(index), notes.batch_of(index)
            yield self._sealed(device, number)
        self._next += count

    def _sealed(self, device: Device, number: int) -> tuple[str, bytes]:
        item = seal_item(
            kind="observation",
            source="mail",
            payload=canonical_json({"type": "start"}),
            context={},
            place=Place(ORIGIN, device.name, 0, number, 0),
            random=os.urandom,
            compress=lambda data: data,
        )
        contents = contents_root([item.entry])
        ring = Keyring(ORIGIN, device.name, 0, number, 1, contents, (item.key,))
        recipients = list(self._office.config.recipients.values())
        keyring = seal_keyring(ring, recipients, random=os.urandom)
        header = Header(
            origin=ORIGIN,
            device=device.name,
            epoch=0,
            batch=number,
            previous=unb64(device.previous, what="previous", size=32),
            seen=self._seen,
            closed=datetime.fromtimestamp(int(self._closed), UTC),
            items=1,
            contents=contents,
            keyring=_sha256(keyring),
            policy=_sha256(self._log.notes.office.published),
            state=State.OPEN,
        )
        note = sign_header(header, device.key)
        device.moved_on(note)
        return batch_id(note).hex(), note + item.entry.to_bytes() + item.ciphertext + keyring


def _account(data: Path, token: Path) -> None:
    command = lakzegel_server("account", "add", "--data", data, "--role", "records", "--token-file")
    subprocess.run([*command, str(token), "office"], check=True, stdout=subprocess.DEVNULL)


def _connect(office: LongOffice, url: str, token: str) -> None:
    office.vault.store(ACCOUNT, token.encode())
    config = replace(office.config, server=url, account=token.partition(".")[0])
    office.home.config.write_text(config.to_toml())


def _copied(data: Path, copy: Path) -> Path:
    """Copy a DATA; the full tiles of its log are shared."""

    def link(source: str, target: str) -> None:
        if "/log/tile/" in source and ".p/" not in source:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(data, copy, copy_function=link)
    return copy


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
