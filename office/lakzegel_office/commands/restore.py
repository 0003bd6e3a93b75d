# SPDX-License-Identifier: EUPL-1.2
"""`restore`: every captured file version, byte for byte, from the mirror alone."""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_office.catalog import Catalog
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import catalog_from, identities, trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.index import IndexedItem
from lakzegel_office.mirror import Mirror
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay, destroyed_in
from lakzegel_office.replaying import replay_home
from lakzegel_office.restore import Restored, batch_places, restore
from lakzegel_office.restoreplan import Plan, make_plan

DEFAULT_REASON: Final = "restore"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "restore", run, "rebuild captured files, byte for byte")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--device", metavar="D", help="one device, into OUT/<source>/")
    which.add_argument(
        "--all", action="store_true", help="each device, into OUT/<device>/<source>/"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to")
    parser.add_argument(
        "--reason", default=DEFAULT_REASON, metavar="TEXT", help="recorded with your name"
    )
    parser.add_argument("--latest", action="store_true", help="leave out older versions")
    parser.add_argument("--json", action="store_true", help="say what was done as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Restore and return 0, or 1 where a file could not be made whole."""
    began = time.monotonic()
    office = unlock(arguments)
    replay = replay_home(office)
    devices = sorted({record.header.device for record in replay.accepted})
    if arguments.device is not None:
        if arguments.device not in devices:
            raise UsageError(f"{arguments.device}: no batch of this device in the mirror")
        devices = [arguments.device]
    results = []
    trail = trail_of(office)
    for device in devices:
        what = {"device": device, "versions": "latest" if arguments.latest else "all"}
        trail.record("restore", what, reason=arguments.reason, now=datetime.now(UTC))
        out = arguments.out / device if arguments.all else arguments.out
        done = _restore_device(office, replay, device, out, latest_only=arguments.latest)
        results.append((device, done))
        for line in _gone(replay, device):
            say(line)
        for problem in done.problems:
            say(f"lakzegel-office: {problem}")
    return _tell(results, time.monotonic() - began, as_json=arguments.json)


def _restore_device(
    office: Office, replay: Replay, device: str, out: Path, *, latest_only: bool
) -> Restored:
    mirror = Mirror(office.home.mirror)
    catalog = catalog_from(office, replay)
    opened: dict[HeaderRecord, set[int]] = {}
    plan = make_plan(_items(catalog, device, opened), latest_only=latest_only)
    plan.refused += _unopened(plan, replay, opened)
    rows = (
        (
            ItemId(device, record.header.epoch, record.header.batch, 0),
            mirror.batch(record.batch_id),
            mirror.keyring(record.batch_id),
            {n: str(change) for n, change in replay.destroyed[place_of(record)].items()},
        )
        for record in catalog.headers(device)
    )
    return restore(plan, out, batch_places(rows), identities(office))


def _items(
    catalog: Catalog, device: str, opened: dict[HeaderRecord, set[int]]
) -> Iterator[tuple[ItemId, IndexedItem]]:
    """Yield a device's items in order; note which of each batch there are."""
    for record in catalog.headers(device):
        header, found = record.header, opened.setdefault(record, set())
        for line in catalog.batch_items(record):
            found.add(line.index)
            yield ItemId(device, header.epoch, header.batch, line.index), line


def _unopened(plan: Plan, replay: Replay, opened: dict[HeaderRecord, set[int]]) -> Iterator[str]:
    """Yield the batches with items that do not open, but for those that a file will lack."""
    for record, found in opened.items():
        pieces = plan.pieces.get((record.header.epoch, record.header.batch), {})
        lost = set(range(record.header.items)) - found - destroyed_in(replay, record) - set(pieces)
        if lost:
            yield f"batch {record.name}: {len(lost)} items do not open; what they hold is missing"


def _gone(replay: Replay, device: str) -> Iterator[str]:
    """Yield how many items of a device were destroyed, by which certificate each."""
    found: Counter[str] = Counter()
    for place, items in replay.destroyed.items():
        if place[0] == device:
            found.update(str(change) for change in items.values())
    for certificate, count in found.items():
        yield f"{device}: {count} items were destroyed; {certificate}"


def _tell(results: list[tuple[str, Restored]], seconds: float, *, as_json: bool) -> int:
    problems = sum(len(done.problems) for _, done in results)
    if as_json:
        rows = {
            device: {
                "files": done.files,
                "versions": done.versions,
                "bytes": done.size,
                "problems": list(done.problems),
            }
            for device, done in results
        }
        answer({"devices": rows, "seconds": round(seconds, 3), "complete": not problems})
        return 1 if problems else 0
    for device, done in results:
        print(f"{device}: {done.files} files and {done.versions} older versions, {done.size} bytes")
    print("complete" if not problems else f"INCOMPLETE: {problems} could not be restored")
    return 1 if problems else 0
