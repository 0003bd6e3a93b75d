# SPDX-License-Identifier: EUPL-1.2
"""What the office's pull and incremental verify cost as the log grows.

    python -m bench.growth_office --sizes 1000 10000 100000
    python -m bench.growth_office --log DIR --work WORK [--replay FIRST UPTO]

At each size a hundred new batches are pulled by a process that has just begun, a hundred more by
the same one, and then verified since the size. Files that are opened are counted.

`--log` measures beside a log that `bench.growth` made, twice: two hundred batches that a receiver
seals, pulled and verified by commands of their own. `--replay` has the office replay entries FIRST
to UPTO of it (0: all), and leaves below WORK what they came to, with which the measuring compares
what it goes on from.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from bench.growing.officehome import LongOffice, devices_of
from bench.growing.officemeasure import measure as measure_long
from bench.growing.plot import plot
from bench.officelog import OfficeLog
from lakzegel_core.custody import Custody
from lakzegel_office.backlog import Backlog
from lakzegel_office.checkpoints import Checkpoints
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.lastverify import LastVerify
from lakzegel_office.memory import PULLED, Memory, Sealed, pulled_context
from lakzegel_office.places import Places
from lakzegel_office.pull import Puller
from lakzegel_office.replay import Replay
from lakzegel_office.replaykept import resume
from lakzegel_office.vault import INDEX
from lakzegel_office.verification import Verification

NEW: Final = 100  # batches at a time
DEVICES: Final = 100
EVERY: Final = 2**20  # entries that are replayed between two stops
SIZES: Final = (10**3, 10**4, 10**5)
Result = TypeVar("Result")
_opened = [0]


@dataclass(frozen=True, slots=True)
class Row:
    """The cost of one piece of work at one size; seconds of the processor, and of the clock."""

    size: int
    work: str
    cpu: float
    seconds: float
    files: int
    peak: int  # MiB of the process, since it began


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and "/office/" in str(arguments[0]):
        _opened[0] += 1


def measure(size: int, work: str, act: Callable[[], Result]) -> tuple[Row, Result]:
    """Return what something cost, and its result."""
    _opened[0], cpu, wall = 0, time.process_time(), time.perf_counter()
    result = act()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return Row(size, work, round(spent[0], 3), round(spent[1], 3), _opened[0], peak), result


def remember(log: OfficeLog) -> None:
    """Leave what a pull and a verify of all that is mirrored would leave."""
    config, home, size = log.config, log.home, log.size
    entries = sorted([*log.mattering.items(), *log.heads.values()])
    custody = Custody.resume(
        config.origin, entries, size, pinned=config.policy_keys, threshold=config.threshold
    )
    signed_at = Checkpoints.load(log.mirror, config).signed_at
    replay = Replay(custody, log.mirror, signed_at, Places.passing())
    says = {
        "accepted": size - len(log.mattering),
        "changes": [],
        "clock_back": {},
        "findings": [],
        "items": [[device.name, 0, device.batch] for device in log.devices],
        "marks": [],
        "problems": [],
    }
    resume(replay, size, log.edge.root(), says)
    replay.roots.anchor(size, log.edge.root())
    sealed = Sealed(log.vault.load(INDEX), pulled_context(config))
    backlog = Backlog(size).to_json(replay, size)
    Memory(home, config, PULLED, sealed).write(replay, {"backlog": backlog})
    (home.state / "tidied").write_bytes(b"%d\n" % size)
    found = Verification(replay=replay)
    LastVerify(home, config, _silent).remember(found, now())


def now() -> datetime:
    """Return the time, without fractions."""
    return datetime.now(UTC).replace(microsecond=0)


def pull(puller: Puller) -> None:
    """Pull once; what does not fit ends the bench."""
    report = puller.run()
    if report.doubts or report.fetched != NEW or report.held != report.size:
        raise SystemExit(f"not as it should be: {report}")


def verify(log: OfficeLog) -> None:
    """Verify since the last one; what does not fit ends the bench."""
    last = LastVerify(log.home, log.config, _silent)
    found = last.going_on(0)
    if found.doubts or last.since is None:
        raise SystemExit(f"not as it should be: {last.note} {found.doubts[:3]}")
    last.remember(found, now())


def at_size(log: OfficeLog, size: int) -> list[Row]:
    """Return what everything costs once the log has grown to a size."""
    log.grow(size)
    remember(log)
    keys = [key.identity.to_text() for key in period_keys(log.vault, log.config.periods)]
    puller = Puller(log.home, log.config, log.vault, log, lambda: keys, _silent)
    rows = []
    for work in ("pull, begun", "pull, going on"):
        log.seal(NEW)
        row, _ = measure(size, work, lambda: pull(puller))
        log.new.clear()  # they are mirrored now
        rows.append(row)
    row, _ = measure(size, "verify --since last", lambda: verify(log))
    return [*rows, row]


def main() -> None:
    """Print a line of JSON for each, then a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--devices", type=int, default=DEVICES)
    parser.add_argument("--work", type=Path, help="where the office is made; removed at the end")
    parser.add_argument("--log", type=Path, metavar="DIR", help="measure beside the log there")
    parser.add_argument("--replay", type=int, nargs=2, metavar=("FIRST", "UPTO"))
    parser.add_argument("--join", type=Path, help="figures of before, in JSON, to tell as well")
    parser.add_argument("--json", type=Path, help="with --log: write the figures there")
    parser.add_argument("--svg", type=Path, help="with --log: write the plot there")
    parser.add_argument("--every", type=int, default=EVERY, help="entries between two stops")
    arguments = parser.parse_args()
    if arguments.log:
        _long(arguments)
        return
    sys.addaudithook(_hear)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        log = OfficeLog(Path(folder) / "bench", arguments.devices)
        for size in sorted(arguments.sizes):
            for row in at_size(log, size):
                print(json.dumps(asdict(row)), flush=True)
                rows.append(row)
    print(
        "\n| entries | work | CPU s | s | files opened | MiB |"
        "\n| --- | --- | --- | --- | --- | --- |"
    )
    for row in rows:
        cells = f"{row.cpu:.2f} | {row.seconds:.2f} | {row.files} | {row.peak}"
        print(f"| {row.size:,} | {row.work} | {cells} |")


def _long(arguments: argparse.Namespace) -> None:
    """Replay some of a log, or measure what is done beside it."""
    if arguments.work is None:
        raise SystemExit("--log: needs --work, on the same file system: full tiles are linked")
    devices = devices_of(arguments.log)
    if arguments.replay:
        first, upto = arguments.replay
        office = LongOffice.found(arguments.work, arguments.log / "data")
        office.replay(arguments.work, first, upto or office.size, arguments.every, devices)
        return
    rows = json.loads(arguments.join.read_text()) if arguments.join else []
    rows += measure_long(arguments.log, arguments.work, devices, _tell)
    rows.sort(key=lambda row: int(row["size"]))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    if arguments.svg:
        arguments.svg.write_text(_plotted(rows))
    print("| entries | work | CPU s | s | files opened | MiB |\n|" + " --- |" * 6)
    for row in rows:
        cells = f"{row['cpu']:.2f} | {row['seconds']:.2f} | {row['files']} | {row['peak']}"
        print(f"| {row['size']:,} | {row['work']}, {row['turn']} | {cells} |")


def _plotted(rows: list[dict[str, Any]]) -> str:
    """Return a plot of each work's second turn."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["turn"] == "second":
            lines.setdefault(row["work"], []).append((row["size"], row["cpu"] * 1000))
    return plot("What the length of a log costs an office, ms of processor", "ms", lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _silent(text: str) -> None:
    del text


if __name__ == "__main__":
    main()
