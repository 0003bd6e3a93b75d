# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.load`: a receiver under load: batches a second, latency, memory, and nginx's.

Simulated devices with real keys, real batches and real receipts, thousands in one process. Bounded
in time and count; loopback only.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.loading import report
from bench.loading.batches import LARGE, SMALL, Upload, heartbeats, made_uploads
from bench.loading.certificates import make_certificate
from bench.loading.client import Engine, Target
from bench.loading.fleet import FILE, Fleet
from bench.loading.phase import Outcome, Phase, Receiver, told
from bench.loading.receipts import Verifier
from bench.loading.servers import Certificate, Files, Used, calm, check, init, nginx, receiver
from bench.measure import MB, BenchError

SIZES: Final = {"small": SMALL, "large": LARGE}
CEILING: Final = {"small": 1_500, "large": 300}  # batches a second that are made for "at most"
LOOK: Final = 0.5  # seconds between two looks at the memory
MANY: Final = 100_000
LONG: Final = 900


@dataclass(frozen=True, slots=True)
class Bench:
    """What is loaded, with what, and where things may lie."""

    fleet: Fleet
    urls: Sequence[str]
    ca_file: Path | None
    certificate: Certificate | None
    pid: int | None
    work: Path
    options: argparse.Namespace
    verifier: Verifier

    @property
    def targets(self) -> list[Target]:
        """Where to connect to."""
        return [Target.parse(url, self.ca_file) for url in self.urls]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or JSON; return 1 when something failed or a receipt is not true."""
    options = _parser().parse_args(arguments)
    try:
        _require(options)
        with _work(options.work) as work:
            folder = options.fleet or work
            fleet = _fleet(folder, options.devices)
            if options.prepare:
                print(f"{len(fleet.devices)} devices in {folder}: serve {folder / 'data'}")
                return 0
            result = _measure(folder, work, fleet, options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        report.show(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.load", description=__doc__)
    parser.add_argument("--devices", type=int, default=10_000, help="enrolled (default 10000)")
    parser.add_argument("--pushing", type=int, default=200, help="that push (default 200)")
    parser.add_argument("--seconds", type=float, default=20, help="of each phase (default 20)")
    parser.add_argument("--max", type=int, default=30_000, help="batches of a phase, at most")
    parser.add_argument("--max-mb", type=int, default=3_000, help="MB of a phase, at most")
    parser.add_argument(
        "--rate", type=float, default=500, help="small batches a second, when paced"
    )
    parser.add_argument("--mb-rate", type=float, default=150, help="MB a second, when paced")
    parser.add_argument("--only", choices=tuple(SIZES), help="batches of one size")
    parser.add_argument("--pace", choices=("most", "paced"), help="one kind of phase only")
    parser.add_argument(
        "--beat", type=float, default=60, help="seconds between two heartbeats; 0: none"
    )
    parser.add_argument("--no-floor", action="store_true", help="without nginx")
    parser.add_argument("--plain", action="store_true", help="HTTP in the place of TLS 1.3")
    parser.add_argument("--check", action="store_true", help="`lakzegel-server check` at the end")
    parser.add_argument("--fleet", type=Path, metavar="DIR", help="keep DATA and devices there")
    parser.add_argument("--prepare", action="store_true", help="only make what --fleet names")
    parser.add_argument("--url", action="append", help="a receiver that serves; may be several")
    parser.add_argument("--ca-file", type=Path, help="what --url's certificates are signed by")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where to work (default: TMPDIR)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _require(options: argparse.Namespace) -> None:
    """Return when the options go together and are bounded.

    Raises:
        BenchError: they are not.
    """
    if not 0 < options.pushing <= options.devices <= MANY:
        raise BenchError(f"--devices: 1 to {MANY}, and --pushing at most as many")
    if not 0 < options.seconds <= LONG:
        raise BenchError(f"--seconds: at most {LONG}")
    for url in options.url or ():
        Target.parse(url, options.ca_file)
    if (options.url or options.prepare) and options.fleet is None:
        raise BenchError("--url and --prepare need --fleet: the devices that the log knows")
    if options.url and not (options.fleet / FILE).exists():
        raise BenchError(f"{options.fleet}: no devices here; run with --prepare first")


@contextmanager
def _work(parent: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lakzegel-load-", dir=parent) as work:
        yield Path(work)


def _fleet(folder: Path, count: int) -> Fleet:
    """The devices, enrolled now or in an earlier run."""
    if (folder / FILE).exists():
        return Fleet.load(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    init(folder / "data")
    fleet = Fleet.make(folder / "data", count)
    fleet.keep(folder)
    return fleet


def _measure(folder: Path, work: Path, fleet: Fleet, options: argparse.Namespace) -> dict[str, Any]:
    """Every phase, and what was verified after each."""
    with ExitStack() as stack:
        certificate, ca_file = None, options.ca_file
        if not options.plain:
            certificate, authority = make_certificate(work)
            ca_file = ca_file or authority
        pid, urls = None, options.url
        if not urls:
            log = work / "receiver.log"
            pid, url = stack.enter_context(receiver(folder / "data", certificate, log))
            urls = [url]
            calm(pid)
        verifier = Verifier(fleet)
        bench = Bench(fleet, urls, ca_file, certificate, pid, work, options, verifier)
        try:
            runs = [run for one in _phases(options) for run in _run(bench, *one)]
        finally:
            fleet.keep(folder)
    if options.check:
        check(folder / "data")
    counts = {"devices": len(fleet.devices), "pushing": options.pushing}
    return {**counts, "tls": not options.plain, "checked": options.check, "runs": runs}


def _phases(options: argparse.Namespace) -> list[tuple[str, float | None]]:
    sizes = [options.only] if options.only else list(SIZES)
    rates = {"small": options.rate, "large": options.mb_rate * MB / LARGE}
    return [
        (size, None if pace == "most" else rates[size])
        for size in sizes
        for pace in ([options.pace] if options.pace else ("most", "paced"))
    ]


def _run(bench: Bench, size: str, rate: float | None) -> Iterator[dict[str, Any]]:
    """The figures of a phase on the receiver, then of the same bytes on nginx."""
    options = bench.options
    devices = bench.fleet.devices[: options.pushing]
    wanted = options.seconds * (rate or CEILING[size])
    most = min(options.max, options.max_mb * MB / SIZES[size], wanted)
    each = max(1, round(most / len(devices)))
    with made_uploads(bench.fleet, devices, each, SIZES[size], bench.work) as chains:
        name = f"{size}, {'at most' if rate is None else f'at {rate:.0f}/s'}"
        found, used = _load(bench, chains, rate)
        verified = bench.verifier.verify(found.receipts, bench.fleet.seen)
        yield {"what": name, "of": "receiver", **used, **told(found), "verified": verified}
        found.receipts.clear()
        if not options.no_floor:
            floor, used = _floor(bench, chains, rate)
            floor.receipts.clear()
            yield {"what": name, "of": "nginx PUT + fsync", **used, **told(floor), "verified": 0}
        del found, chains


def _load(
    bench: Bench, chains: list[list[Upload]], rate: float | None
) -> tuple[Outcome, dict[str, float]]:
    options = bench.options
    others = bench.fleet.devices[options.pushing :]
    beats = len(others) / options.beat if options.beat else 0.0
    engine = Engine()
    phase = Phase(engine, bench.targets, Receiver())
    if beats:
        phase.beat(heartbeats(bench.fleet, others, round(beats * options.seconds)), beats)
    pids = () if bench.pid is None else (bench.pid,)
    return _timed(engine, phase, chains, rate, options.seconds, pids)


def _floor(
    bench: Bench, chains: list[list[Upload]], rate: float | None
) -> tuple[Outcome, dict[str, float]]:
    with nginx(bench.work, bench.certificate) as (pid, url):
        engine, folder = Engine(), bench.work / "nginx-files"
        road = Files(engine, folder)
        phase = Phase(engine, [Target.parse(url, bench.ca_file)], road)
        try:
            return _timed(engine, phase, chains, rate, bench.options.seconds, (pid,))
        finally:
            road.close()
            shutil.rmtree(folder)


def _timed(
    engine: Engine,
    phase: Phase,
    chains: list[list[Upload]],
    rate: float | None,
    seconds: float,
    pids: tuple[int, ...],
) -> tuple[Outcome, dict[str, float]]:
    """What came of a phase, and what it cost the server."""
    used, own = Used(pids), time.process_time()
    uploads = sum(map(len, chains))
    print(f"{uploads:,} batches of {len(chains)} devices", file=sys.stderr, flush=True)
    phase.push(chains, rate)
    engine.every(LOOK, used.look)
    used.begin()
    try:
        found = phase.run(seconds)
    finally:
        engine.close()
    used.look()
    cost = {"cpu": used.seconds(), "rss_mb": used.peak, "own_cpu": time.process_time() - own}
    return found, cost


if __name__ == "__main__":
    sys.exit(main())
