# SPDX-License-Identifier: EUPL-1.2
"""What one log costs as it is: appending, proving, checking what is new, starting."""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from bench.growing.building import Log
from lakzegel_core.merkle import verify_consistency, verify_inclusion
from lakzegel_core.receipt import make_receipt
from lakzegel_core.tiles import HashReader
from lakzegel_server.fsck.remembered import remember
from lakzegel_server.fsck.report import Report
from lakzegel_server.fsck.run import check
from lakzegel_server.logstate import LogState
from lakzegel_server.logstore import LogStore
from lakzegel_server.savepoints import read_savepoint

NEW: Final = 1_000  # batches that an incremental check finds new
PROOFS: Final = 300
GROUPS: Final = {1: 60, 64: 16}  # entries that arrive together: how many such groups
_MS: Final = 1_000


class Cost(NamedTuple):
    """Milliseconds of processor and of the clock, in the median."""

    cpu: float
    wall: float


class Timer:
    """Measures the same thing again and again."""

    def __init__(self) -> None:
        self._times: list[Cost] = []
        self._began = Cost(0, 0)

    def __enter__(self) -> None:
        self._began = Cost(time.process_time(), time.perf_counter())

    def __exit__(self, *_: object) -> None:
        cpu, wall = time.process_time() - self._began.cpu, time.perf_counter() - self._began.wall
        self._times.append(Cost(cpu * _MS, wall * _MS))

    def median(self) -> Cost:
        """The middle one of each."""
        cpu, wall = zip(*self._times, strict=True)
        return Cost(statistics.median(cpu), statistics.median(wall))


def measure(log: Log, tell: Callable[[str], None]) -> dict[str, Any]:
    """Every figure of a log, which grows by some thousand entries meanwhile."""
    costs, counts = {}, {"entries": log.size, "devices": len(log.notes.devices)}
    costs["start"], more = start(log)
    tell(f"start {costs['start'].cpu / _MS:.1f} s of processor, {more}")
    state = log.serve()
    try:
        for size, count in GROUPS.items():
            costs[f"append_{size}"] = _append(log, state, size, count)
        state.settle()
        costs |= _prove(state)
        tiles, read = _tiles_of_a_receipt(state)
    finally:
        state.close()
    costs["check"] = check_new(log)
    tell(", ".join(f"{name} {cost.cpu:.1f} ms" for name, cost in costs.items()))
    sizes = {
        "index_mb": log.layout.index_file.stat().st_size / 10**6,
        "savepoint_mb": (log.layout.data / "checked.savepoint").stat().st_size / 10**6,
    }
    spent = {f"{name}_{way}_ms": getattr(c, way) for name, c in costs.items() for way in c._fields}
    return {**counts, **more, **spent, "tiles": tiles, "tile_bytes": read, **sizes}


def start(log: Log) -> tuple[Cost, dict[str, float]]:
    """A process that only starts: what it costs, entries that it checked, MB resident."""
    command = [sys.executable, "-m", "bench.growing.starting", str(log.layout.data)]
    command.append(str(log.now))
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    more = {name: found[name] for name in ("checked", "resident_mb")}
    return Cost(found["cpu"] * _MS, found["wall"] * _MS), more


def check_new(log: Log) -> Cost:
    """`check --since last`, when a thousand batches came after the last one."""
    _checked(log)
    state = log.serve()
    made = log.next_entries(NEW)
    log.write_files(made)
    for at in range(0, NEW, 64):
        state.append(made[at : at + 64])
    state.close()
    timer = Timer()
    with timer:
        found = check(log.layout, None)
        if found.doubts or found.batches != NEW or not found.fresh or found.end is None:
            raise RuntimeError(f"the check found {found.doubts[:3]} in {found.batches} batches")
        remember(log.layout, found, found.end)
    return timer.median()


def _checked(log: Log) -> None:
    """Have it that everything so far was checked: the files of old batches are not there."""
    layout = log.layout
    store = LogStore.of(layout.stores, layout.log, layout.incoming)
    log.save(layout.data / "checked.savepoint")
    end = read_savepoint(layout.data / "checked.savepoint", log.origin, log.edge, store)
    remember(layout, Report(log.size, 0, 0, (), since=log.size, fresh=True), end)


def _append(log: Log, state: LogState, size: int, count: int) -> Cost:
    """What it costs until a group of entries is durable and shown."""
    timer = Timer()
    for _ in range(count):
        made = log.next_entries(size)
        with timer:
            outcomes = state.append(made)
        refused = [one for one in outcomes if not isinstance(one, int)]
        if refused:
            raise RuntimeError(f"an entry was refused: {refused[0]}")
    return timer.median()


def _prove(state: LogState) -> dict[str, Cost]:
    """What each proof costs, anywhere in the log; each on a reader that has read nothing yet."""
    tree, dice = state.shown.checkpoint, random.Random(8)
    places = [dice.randrange(1, tree.size) for _ in range(PROOFS)]

    def inclusion(index: int) -> None:
        reader = state.store.reader(tree.size)
        leaf, path = reader.leaf(index), reader.inclusion(index)
        verify_inclusion(index=index, size=tree.size, leaf=leaf, proof=path, root=tree.root)

    def consistency(size: int) -> None:
        reader = state.store.reader(tree.size)
        verify_consistency(
            old_size=size,
            new_size=tree.size,
            old_root=reader.root(size),
            new_root=tree.root,
            proof=reader.consistency(size),
        )

    def both(index: int) -> None:
        reader = state.store.reader(tree.size)
        path, proof = reader.inclusion(index), reader.consistency(index)
        make_receipt(index, path, state.shown.data, old_size=index, consistency=proof)

    works = {"inclusion": inclusion, "consistency": consistency, "receipt": both}
    return {name: _timed(work, places) for name, work in works.items()}


def _tiles_of_a_receipt(state: LogState) -> tuple[float, float]:
    """Tiles, and bytes of tiles, that a receipt with a proof of consistency reads on average."""
    tree, dice, sizes = state.shown.checkpoint, random.Random(9), []

    def read(path: str) -> bytes:
        data = state.store.read(path)
        sizes.append(len(data))
        return data

    for _ in range(PROOFS):
        index = dice.randrange(1, tree.size)
        reader = HashReader(tree.size, read)
        reader.inclusion(index)
        reader.consistency(index)
    return len(sizes) / PROOFS, sum(sizes) / PROOFS


def _timed(work: Callable[[int], None], places: Iterable[int]) -> Cost:
    timer = Timer()
    for place in places:
        with timer:
            work(place)
    return timer.median()
