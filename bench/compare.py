# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.compare`: one corpus, one machine, one run; times, memory, ratios to restic."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench import corpus, lakzegel
from bench.figures import (
    OURS,
    STANDARD,
    Figure,
    first_figure,
    life_figures,
    print_figures,
)
from bench.measure import MB, BenchError, Usage
from bench.rivals import RIVALS, restic_again
from lakzegel_demo.errors import DemoError

AGENT: Final = "  of which the agent"
CHUNK: Final = 1 << 20


def main() -> int:
    """Print the table, or JSON; return 1 when a program failed."""
    arguments = _parser().parse_args()
    try:
        with _work(arguments.work) as work, _corpus(arguments, work) as (folder, size):
            rows, life = _measure_all(folder, work, arguments.only, first=arguments.first)
    except (BenchError, DemoError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    result = {
        "bytes": size,
        "scale": arguments.scale,
        "machine": _machine(),
        "runs": rows,
        "life": life,
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the full corpus (1.57 GB)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--only", help="run programs whose name contains this")
    parser.add_argument("--first", action="store_true", help="the first capture alone")
    parser.add_argument(
        "--work", type=Path, help="a folder with room for five times the corpus; default: a new one"
    )
    parser.add_argument(
        "--keep-corpus",
        type=Path,
        metavar="DIR",
        help="make the corpus there, or use what is there",
    )
    return parser


@contextmanager
def _work(parent: Path | None) -> Iterator[Path]:
    """Give a new folder; whatever happens, it is removed."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="lakzegel-bench-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _corpus(arguments: argparse.Namespace, work: Path) -> Iterator[tuple[Path, int]]:
    """Give the corpus and its size."""
    folder: Path = arguments.keep_corpus or work / "corpus"
    if folder.exists() and any(folder.iterdir()):
        _say(f"using the corpus in {folder}")
        yield folder, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        return
    _say(f"making the corpus in {folder}")
    yield folder, corpus.make(folder, arguments.scale)


def _measure_all(
    folder: Path, work: Path, only: str | None, *, first: bool
) -> tuple[dict[str, Any], list[Figure]]:
    rows: dict[str, Any] = {}
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    for rival in RIVALS:
        if only is not None and only not in rival.name:
            continue
        if missing := rival.missing():
            _say(f"{rival.name}: left out, {', '.join(missing)} not installed")
            continue
        _prepare(folder, work)
        _say(f"{rival.name}")
        place = work / rival.programs[-1]
        place.mkdir()
        rows[rival.name] = asdict(rival.measure(folder, place))
        if rival.name == STANDARD and not first:
            theirs = restic_again(folder, place)
        shutil.rmtree(place)
    if only is None or only in OURS:
        _prepare(folder, work)
        _say(OURS)
        found = lakzegel.measure(folder, work, first=first)
        rows[OURS] = asdict(found.both) | {"ledger": found.ledger}
        rows[AGENT.strip()] = asdict(found.alone)
        ours = found.resident
        shutil.rmtree(work / "lakzegel")
    _add_ratios(rows)
    return rows, [*first_figure(rows), *life_figures(ours, theirs)]


def _add_ratios(rows: dict[str, Any]) -> None:
    standard = rows.get(STANDARD)
    for row in rows.values():
        row["ratio"] = row["wall"] / standard["wall"] if standard else None


def _prepare(folder: Path, work: Path) -> None:
    """Give every program the same machine: the corpus in memory, and memory at hand.

    A virtual machine gives its guest each page at first touch, which costs more than filling it:
    the first program would pay for those after it. So as much as any of them writes is written
    and removed before each.
    """
    size = 0
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(CHUNK):
                    size += len(block)
    fill = work / "fill"
    with fill.open("wb") as file:
        for _ in range(2 * size // CHUNK + 1):
            file.write(bytes(CHUNK))
    fill.unlink()
    os.sync()


def _print(result: dict[str, Any]) -> None:
    print(f"{result['bytes'] / MB:,.0f} MB on {result['machine']}")
    print(f"{'':32}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'ratio':>8}")
    for name, row in result["runs"].items():
        usage = Usage(row["wall"], row["cpu"], row["peak"])
        ratio = f"{row['ratio']:.2f}" if row["ratio"] is not None else "-"
        print(f"{name:32}{usage.wall:>9.1f}{usage.cpu:>9.1f}{usage.peak:>9.0f}{ratio:>8}")
    print_figures(result["life"])


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python " + (
        platform.python_version()
    )


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
