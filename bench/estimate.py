# SPDX-License-Identifier: EUPL-1.2
"""A paper estimate for a whole government, from measured figures (docs/guides/estimate.md).

python -m bench.estimate              prints the tables
python -m bench.estimate --write      puts them into the guide
python -m bench.estimate --json       for programs
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

HERE: Final = Path(__file__).resolve().parent
GUIDE: Final = HERE.parent / "docs/guides/estimate.md"
BEGIN, END = "<!-- made by bench.estimate -->", "<!-- end -->"
HASHES: Final = 32 * 256 / 255  # bytes of hash tiles an entry: all levels
TILE: Final = 256  # entries of a full bundle; its bundle and its tile are a put each
PARTS: Final = 8 * 2**20  # bytes; what is larger goes up in parts, each a request
HOUR: Final = 3600
YEAR: Final = 365
GB, TB = 1e9, 1e12
SPARE: Final = 2  # receivers more than the load needs: one may fail while another is upgraded
ROOM: Final = 0.5  # of a processor that a busy minute may use


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a government is taken to be; units as in estimate.toml."""

    devices: int
    working_days: int
    working_hours: int
    batches: int
    batches_idle: int
    sealed_mb: float
    items: int
    recipients: int
    heartbeats: int
    peak: float
    years: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of `bench.load` and `bench.growth`; units as in estimate.toml."""

    small_a_second: float
    large_mb_a_second: float
    heartbeat_us: float
    batch_us: float
    entry_bytes: int
    keyring_fixed: int
    keyring_recipient: int
    keyring_slot: int
    index_bytes: int
    receipt_bytes: int
    upload_bytes: int
    heartbeat_bytes: int
    memory_mb: float
    memory_device_kb: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Euro, without tax."""

    gb_month: float
    put_million: float
    core_month: float


T = TypeVar("T", Fleet, Measured, Prices)


def read(path: Path) -> tuple[Fleet, Measured, Prices]:
    """What to reckon with.

    Raises:
        ValueError: a field is missing, unknown, or no number above 0.
    """
    found = tomllib.loads(path.read_text())
    return (
        _table(Fleet, found.get("fleet", {}), "fleet"),
        _table(Measured, found.get("measured", {}), "measured"),
        _table(Prices, found.get("prices", {}), "prices"),
    )


def _table(kind: type[T], found: Mapping[str, object], name: str) -> T:
    names = {field.name for field in fields(kind)}
    for field in sorted(names ^ set(found)):
        raise ValueError(f"[{name}] {field}: {'missing' if field in names else 'unknown'}")
    for field, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"[{name}] {field}: no number above 0")
    return kind(**found)  # type: ignore[arg-type] # each was looked at above


@dataclass(frozen=True, slots=True)
class Estimate:
    """Every figure that the guide names; what is a second is of a working hour's mean."""

    batches_second: float
    batches_peak: float
    heartbeats_second: float
    entries_year: float
    batch_bytes_year: float
    keyring_bytes_year: float
    entry_bytes_year: float
    hash_bytes_year: float
    index_bytes_year: float
    puts_year: float
    up_mbit_peak: float
    down_mbit_peak: float
    office_gb_day: float
    cores_peak: float
    receivers: int
    receiver_memory_mb: float
    one_receiver: float  # of what one of 2 cores does, by batches and by bytes, at the peak
    storage_euro: float  # in the last year, when all of them are kept
    puts_euro: float
    machines_euro: float

    @property
    def bytes_year(self) -> float:
        """What the object store takes in a year."""
        return (
            self.batch_bytes_year
            + self.keyring_bytes_year
            + self.entry_bytes_year
            + self.hash_bytes_year
        )


def estimate(fleet: Fleet, measured: Measured, prices: Prices) -> Estimate:
    """What that fleet costs, if the figures hold for it."""
    seconds = fleet.working_hours * HOUR
    active = fleet.devices * fleet.batches
    idle_days = YEAR - fleet.working_days
    entries = fleet.devices * (fleet.batches * fleet.working_days + fleet.batches_idle * idle_days)
    keyring = (
        measured.keyring_fixed
        + fleet.recipients * measured.keyring_recipient
        + fleet.items * measured.keyring_slot
    )
    sealed = fleet.devices * fleet.sealed_mb * 1e6  # bytes a working day
    batches, beats = active / seconds, fleet.devices * fleet.heartbeats / HOUR
    peak = batches * fleet.peak
    up = (sealed / seconds + batches * (keyring + measured.upload_bytes)) * fleet.peak
    cores = (peak * measured.batch_us + beats * measured.heartbeat_us) / 1e6
    bytes_share = sealed / seconds * fleet.peak / 1e6 / measured.large_mb_a_second
    receivers = math.ceil(cores / ROOM / 2) + SPARE
    parts = max(1.0, fleet.sealed_mb * 1e6 / fleet.batches / PARTS)
    puts = entries * (parts + 1 + 2 / TILE)
    kept = (entries * (keyring + measured.entry_bytes + HASHES) + sealed * fleet.working_days) / GB
    return Estimate(
        batches_second=batches,
        batches_peak=peak,
        heartbeats_second=beats,
        entries_year=entries,
        batch_bytes_year=sealed * fleet.working_days,
        keyring_bytes_year=entries * keyring,
        entry_bytes_year=entries * measured.entry_bytes,
        hash_bytes_year=entries * HASHES,
        index_bytes_year=entries * measured.index_bytes,
        puts_year=puts,
        up_mbit_peak=up * 8 / 1e6,
        down_mbit_peak=(peak * measured.receipt_bytes + beats * measured.heartbeat_bytes) * 8 / 1e6,
        office_gb_day=(sealed + active * (keyring + measured.entry_bytes)) / GB,
        cores_peak=cores,
        receivers=receivers,
        receiver_memory_mb=measured.memory_mb
        + max(0, fleet.devices - 10_000) * measured.memory_device_kb / 1000,
        one_receiver=max(peak / measured.small_a_second, bytes_share),
        storage_euro=kept * fleet.years * prices.gb_month * 12,
        puts_euro=puts / 1e6 * prices.put_million,
        machines_euro=(receivers * 2 + 2 * 8 + 8) * prices.core_month * 12,
    )


def table(fleet: Fleet, measured: Measured, found: Estimate) -> str:
    """The guide's tables, in Markdown."""
    rows = (
        ("batches, a working hour's mean", f"{found.batches_second:,.0f} a second"),
        ("batches, the busiest minute", f"{found.batches_peak:,.0f} a second"),
        ("heartbeats", f"{found.heartbeats_second:,.0f} a second"),
        ("of what one receiver of 2 cores did, at the peak", f"{found.one_receiver:.0%}"),
        ("processors for receivers, at the peak", f"{found.cores_peak:.1f}"),
        ("receivers of 2 cores, two of them spare", f"{found.receivers}"),
        ("memory of each", f"{found.receiver_memory_mb:,.0f} MB"),
        ("entries of the log, a year", f"{found.entries_year / 1e6:,.0f} million"),
        ("batches, a year", f"{found.batch_bytes_year / TB:,.1f} TB"),
        ("keyrings, a year", f"{found.keyring_bytes_year / TB:,.2f} TB"),
        ("entry bundles, a year", f"{found.entry_bytes_year / TB:,.2f} TB"),
        ("hash tiles, a year", f"{found.hash_bytes_year / GB:,.0f} GB"),
        ("index in PostgreSQL, a year", f"{found.index_bytes_year / GB:,.0f} GB"),
        ("put requests, a year", f"{found.puts_year / 1e6:,.0f} million"),
        ("in, at the peak", f"{found.up_mbit_peak:,.0f} Mbit/s"),
        ("out to devices, at the peak", f"{found.down_mbit_peak:,.0f} Mbit/s"),
        ("out to the records office, a working day", f"{found.office_gb_day:,.0f} GB"),
        (f"the store, in year {fleet.years} with all of them kept", f"{_euro(found.storage_euro)}"),
        ("put requests", f"{_euro(found.puts_euro)} a year"),
        ("machines", f"{_euro(found.machines_euro)} a year"),
    )
    lines = ["| what | estimate |", "| --- | --- |"]
    lines += [f"| {what} | {value} |" for what, value in rows]
    lines += ["", "Reckoned with, of what was measured:", ""]
    lines += [f"- `{f.name}` = {getattr(measured, f.name):,}" for f in fields(measured)]
    lines += ["", "and of a government:", ""]
    lines += [f"- `{f.name}` = {getattr(fleet, f.name):,}" for f in fields(fleet)]
    return "\n".join(lines)


def _euro(amount: float) -> str:
    return f"€ {round(amount, -3):,.0f}"


def placed(text: str, made: str) -> str:
    """The guide with the tables in their place.

    Raises:
        ValueError: it has no such place.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"has no place between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Print, or write, the estimate."""
    parser = argparse.ArgumentParser(prog="bench.estimate", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--figures", type=Path, default=HERE / "estimate.toml", help="what to reckon with"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into the guide")
    parser.add_argument("--json", action="store_true", help="print every figure for a program")
    options = parser.parse_args(arguments)
    try:
        fleet, measured, prices = read(options.figures)
    except (OSError, ValueError) as error:
        print(f"bench.estimate: {options.figures}: {error}", file=sys.stderr)
        return 2
    found = estimate(fleet, measured, prices)
    if options.json:
        names = [field.name for field in fields(found)]
        print(json.dumps({name: getattr(found, name) for name in names}, indent=1))
    elif options.write:
        GUIDE.write_text(placed(GUIDE.read_text(), table(fleet, measured, found)))
    else:
        print(table(fleet, measured, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
