# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.fleet`: the receiver's pages, alerts and heartbeats at 100,000 devices.

A receiver with so many devices is made (bench/fleetfilling.py), once for each number of them; then
each page is asked for many times through the application itself, without a socket between, each
time another question. Times are of the processor, of all threads, SQLite's work included; the aim
is for the 99th of a hundred.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psutil

from bench.fleetfilling import NOW, ORIGIN, Simulated, fill_custody, fill_index
from lakzegel_server import accounts, memory
from lakzegel_server.accounts import AccountRole
from lakzegel_server.alerting.observed import observe
from lakzegel_server.database import Database
from lakzegel_server.desk import Desk, open_desk
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import create
from lakzegel_server.web.app import build

AIM: Final = 100.0  # ms of processor time, the 99th of a hundred
AIM_BEAT: Final = 0.3  # ms of each heartbeat
BEATS: Final = 2_000
MB: Final = 10**6
Ask = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Page:
    """Every time that a page was asked for, in ms of the processor."""

    name: str
    times: Sequence[float]

    def at(self, share: float) -> float:
        """Return the time that this share of all took at most."""
        ordered = sorted(self.times)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def main() -> int:
    """Fill, ask, and print a table for each number of devices; or JSON."""
    parser = argparse.ArgumentParser(prog="bench.fleet", description=__doc__)
    parser.add_argument("--devices", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--times", type=int, default=40, help="of each page (default 40)")
    parser.add_argument("--weeks", type=int, default=5, help="of arrivals (default 5)")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where DATA is made")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    for count in options.devices:
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            measured = measure(Path(folder) / "data", count, options.times, options.weeks)
        if options.json:
            print(json.dumps(measured))
        else:
            _print(measured)
    return 0


def measure(data: Path, count: int, times: int, weeks: int) -> dict[str, Any]:
    """Return what everything costs with so many devices."""
    simulated = Simulated(count, weeks)
    with _receiver(data, simulated) as (desk, tokens):
        process = psutil.Process()
        base = process.memory_info().rss
        first = _cpu(lambda: _settle(desk))
        pages = [
            Page(name, [_cpu(ask) for _ in range(times + 1)][1:])  # the first makes templates
            for name, ask in _pages(desk, tokens, simulated).items()
        ]
        whole = _cpu(_Asker(desk, tokens).get("/fleet.csv"))
        beats = _beats(desk, simulated)
        tend = [_cpu(lambda: desk.fleet.tend(desk.log)) for _ in range(5)]
        return {
            "devices": count,
            "pages": [
                {"page": one.name, "50": one.at(0.5), "99": one.at(0.99), "most": max(one.times)}
                for one in pages
            ],
            "whole_csv_ms": whole,
            "heartbeat_ms": beats,
            "round_ms": first / count,
            "tend_ms": max(tend),
            "resident_mb": process.memory_info().rss / MB,
            "before_mb": base / MB,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB,
            "index_mb": desk.layout.database.stat().st_size / MB,
        }


@contextmanager
def _receiver(data: Path, simulated: Simulated) -> Iterator[tuple[Desk, dict[str, str]]]:
    signer = create(data, ORIGIN, os.urandom(64))
    layout = Layout(data)
    database = Database.open(layout.database)
    tokens = {
        role.value: accounts.add(
            database, role.value, role, secret=os.urandom(32), now="2026-11-24T02:00:00Z"
        )
        for role in AccountRole
    }
    database.close()
    fill_index(layout.database, simulated, _say)
    with open_desk(layout, signer, clock=NOW.timestamp) as desk:
        desk.chores.stop()
        with desk.log.looking() as custody:
            fill_custody(custody, simulated)
        desk.fleet.grace.began -= timedelta(hours=1)
        memory.begin()  # as `serve` does
        yield desk, tokens


def _settle(desk: Desk) -> None:
    """Have all rows made, as after a start."""
    desk.fleet.tending.hurry()
    while desk.fleet.tending.is_behind:
        desk.fleet.tend(desk.log)


class _Asker:
    """Asks the application as a server would."""

    def __init__(self, desk: Desk, tokens: dict[str, str]) -> None:
        self._app = build(desk)
        self._tokens = tokens
        self._loop = asyncio.new_event_loop()

    def get(self, path: str, role: str = "it", **query: object) -> Ask:
        """Return what asks for a page."""
        return lambda: self._loop.run_until_complete(self._ask(path, role, urlencode(query)))

    async def _ask(self, path: str, role: str, query: str) -> None:
        sent: list[dict[str, Any]] = []

        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()  # whoever asks stays until the answer is whole
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        login = f"Bearer {self._tokens[role]}".encode()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "root_path": "", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "headers": [(b"host", b"x"), (b"authorization", login), (b"accept", b"text/html")],
        }  # fmt: skip
        await self._app(scope, receive, send)
        if sent[0]["status"] != HTTPStatus.OK:
            raise SystemExit(f"bench.fleet: {path}?{query}: {sent[0]['status']}")


def _pages(desk: Desk, tokens: dict[str, str], simulated: Simulated) -> dict[str, Ask]:
    asker, chance = _Asker(desk, tokens), random.Random(3)

    def some(path: str, *queries: dict[str, object]) -> Ask:
        asks = [asker.get(path, **query) for query in queries]

        def ask() -> object:
            one = chance.choice(asks)
            return one()

        return ask

    def device() -> object:
        ask = asker.get(f"/devices/{simulated.name(chance.randrange(simulated.count))}")
        return ask()

    group = simulated.group(0)
    sorts = ("worst", "sealed", "version", "spool", "device")
    last = max(1, simulated.count // 50)
    return {
        "fleet": asker.get("/"),
        "fleet, sorted": some("/", *({"sort": f"{way}{one}"} for one in sorts for way in "-")),
        "fleet, a page far behind": some("/", *({"page": last - n} for n in range(3))),
        "fleet, a condition": some(
            "/", *({"condition": one} for one in ("silent", "capturing", "troubled", "full"))
        ),
        "fleet, a condition, sorted": some(
            "/", *({"condition": "capturing", "sort": one} for one in sorts)
        ),
        "fleet, a group or problem": some(
            "/", {"group": group}, {"problem": "late"}, {"group": group, "problem": "silent"}
        ),
        "fleet, searched": some(
            "/",
            {"search": "laptop"},
            {"search": "az-laptop-00012"},
            {"search": "nobody"},
            {"search": "00012"},
            {"search": "bz", "condition": "silent"},
        ),
        "a table of one condition": some("/fleet.csv", {"condition": "full"}),
        "device": device,
        "problems": asker.get("/problems"),
        "receiver": asker.get("/receiver"),
        "in force": asker.get("/in-force", "admin"),
        "metrics": asker.get("/metrics"),
        "health": asker.get("/v1/health"),
        "alerts, a look": lambda: observe(desk, int(NOW.timestamp())),
    }


def _beats(desk: Desk, simulated: Simulated) -> float:
    """Return what a heartbeat costs, of those that come together, without HTTP."""
    places = random.Random(4).sample(range(simulated.count), min(BEATS, simulated.count))
    notes = [simulated.heartbeat(place, 2, NOW) for place in places]

    def send() -> None:
        for kept in [desk.hearing.verify(note) for note in notes]:
            kept.result()

    return _cpu(send) / len(notes)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1_000 * (time.process_time() - began)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}", end="", file=sys.stderr)


def _print(found: dict[str, Any]) -> None:
    print(f"\n{found['devices']} devices; milliseconds of processor time")
    print(f"{'':30}{'median':>9}{'99 %':>9}{'most':>9}")
    for one in found["pages"]:
        met = "met" if one["99"] <= AIM else "not met"
        print(f"{one['page']:30}{one['50']:9.1f}{one['99']:9.1f}{one['most']:9.1f}  {met}")
    print(f"{'the whole table as CSV':30}{found['whole_csv_ms']:9.1f}")
    met = "met" if found["heartbeat_ms"] <= AIM_BEAT else "not met"
    print(f"{'a heartbeat':30}{found['heartbeat_ms']:9.3f}{'':18}  {met}")
    print(f"{'a row made anew, of a round':30}{found['round_ms']:9.3f}")
    print(f"{'the chore of every 5 s, most':30}{found['tend_ms']:9.1f}")
    print(f"resident {found['resident_mb']:.0f} MB, peak {found['peak_mb']:.0f} MB,", end=" ")
    print(f"index {found['index_mb']:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
