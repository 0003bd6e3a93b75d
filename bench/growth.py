# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.growth`: what the length of a log costs, from a thousand entries to ten million.

Appending, proofs, an incremental check and a start, measured at each size on a log that is made the
same way each time. Prints a table; `--json` and `--svg` write files; see docs/guides/growth.md.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.growing.building import Log
from bench.growing.measuring import measure
from bench.growing.plot import plot

SIZES: Final = "1e3,1e4,1e5,1e6"
DEVICES: Final = 5_000
_COLUMNS: Final = {
    "entries": "entries",
    "append_1_cpu_ms": "append",
    "append_64_cpu_ms": "append 64",
    "inclusion_cpu_ms": "inclusion",
    "consistency_cpu_ms": "consistency",
    "receipt_cpu_ms": "receipt",
    "tiles": "tiles read",
    "check_cpu_ms": "check of 1,000 new",
    "start_cpu_ms": "start",
    "checked": "entries checked",
    "resident_mb": "MB resident",
}
_LINES: Final = {
    "append_1_cpu_ms": "append, one entry",
    "append_64_cpu_ms": "append, 64 together",
    "inclusion_cpu_ms": "proof of inclusion",
    "consistency_cpu_ms": "proof of consistency",
    "receipt_cpu_ms": "receipt, both proofs",
    "check_cpu_ms": "check, 1,000 new batches",
    "start_cpu_ms": "start, from a savepoint",
}


def main() -> int:
    """Measure, and tell."""
    given = _arguments()
    found: list[dict[str, Any]] = []
    if given.join:
        found += json.loads(given.join.read_text())
    if given.log:
        found.append(_measured(given.log, None, given.devices))
    else:
        found += _sizes(given)
    found.sort(key=lambda one: int(one["entries"]))
    _print(found)
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    if given.svg:
        given.svg.write_text(_plotted(found))
    return 0


def _sizes(given: argparse.Namespace) -> list[dict[str, Any]]:
    work = given.work or Path(tempfile.mkdtemp(prefix="growth-", dir=Path.cwd()))
    sizes = sorted(int(float(text)) for text in given.sizes.split(","))
    try:
        return [_measured(work / "log", size, given.devices) for size in sizes]
    finally:
        if not given.work:
            shutil.rmtree(work, ignore_errors=True)


def _measured(folder: Path, size: int | None, devices: int) -> dict[str, Any]:
    """The figures of the log there, grown to ``size`` batches first."""
    log = Log.open(folder / "data", devices)
    if size is not None and log.size < log.notes.first + size:
        log.grow(log.notes.first + size, _tell)
        log.finish()
    return measure(log, _tell)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(found: Sequence[dict[str, Any]]) -> None:
    print("| " + " | ".join(_COLUMNS.values()) + " |")
    print("|" + " --- |" * len(_COLUMNS))
    for one in found:
        cells = [one[name] for name in _COLUMNS]
        shown = [f"{c:,}" if isinstance(c, int) else f"{c:,.2f}" for c in cells]
        print("| " + " | ".join(shown) + " |")


def _plotted(found: Sequence[dict[str, Any]]) -> str:
    lines = {
        text: [(float(one["entries"]), max(float(one[name]), 1e-3)) for one in found]
        for name, text in _LINES.items()
    }
    return plot("What the length of a log costs a receiver, ms of processor", "ms", lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.growth")
    parser.add_argument("--sizes", default=SIZES, help=f"batches, by comma ({SIZES})")
    parser.add_argument("--devices", type=int, default=DEVICES, help=f"({DEVICES})")
    parser.add_argument("--work", type=Path, help="where to make the log, and leave it; it goes on")
    parser.add_argument("--log", type=Path, metavar="DIR", help="measure the log that is there")
    parser.add_argument("--join", type=Path, help="figures of before, in JSON, to tell as well")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--svg", type=Path, help="write the plot there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
