# SPDX-License-Identifier: EUPL-1.2
"""The table of a run under load, and whether the aims are met."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

AIMS: Final = {"rate": 500.0, "mb_s": 150.0, "p99_ms": 250.0, "rss_mb": 300.0}
COLUMNS: Final = (
    ("rate", "batch/s", 9),
    ("mb_s", "MB/s", 8),
    ("p50_ms", "p50 ms", 8),
    ("p99_ms", "p99 ms", 8),
    ("max_ms", "max ms", 8),
    ("rss_mb", "MB", 7),
)


def show(result: Mapping[str, Any]) -> None:
    """Print one line a phase and server, then the aims."""
    tls = "TLS 1.3" if result["tls"] else "plain HTTP"
    print(f"{result['devices']:,} devices enrolled, {result['pushing']} push; {tls}\n")
    heads = "".join(f"{title:>{width}}" for _, title, width in COLUMNS)
    print(f"{'':22}{'':20}{heads}{'CPU ms':>8}{'own':>6}{'again':>7}{'beats/s':>9}{'p99 ms':>8}")
    for run in result["runs"]:
        print(_line(run))
        for refusal in run["refused"]:
            print(f"    refused: {refusal}")
    print()
    for line in aims(result["runs"]):
        print(line)


def _line(run: Mapping[str, Any]) -> str:
    figures = "".join(f"{run[key]:>{width},.1f}" for key, _, width in COLUMNS)
    each = max(1, run["sealed"])
    costs = f"{1e3 * run['cpu'] / each:>8.2f}{1e3 * run['own_cpu'] / each:>6.2f}"
    again = sum(run["tried_again"].values())
    beats = run["heartbeats"] / run["seconds"]
    late = f"{beats:>9.1f}{run['heartbeat_p99_ms']:>8.1f}" if beats else ""
    return f"{run['what']:22}{run['of']:20}{figures}{costs}{again:>7}{late}"


def aims(runs: list[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each aim that something was measured for."""
    ours = [run for run in runs if run["of"] == "receiver"]
    for size, key, unit in (("small", "rate", "batches/s"), ("large", "mb_s", "MB/s")):
        most = [run[key] for run in ours if run["what"] == f"{size}, at most"]
        if most:
            yield _aim(f"{size}, durable", most[0], unit, AIMS[key], least=True)
        paced = [run for run in ours if run["what"].startswith(f"{size}, at ")]
        late = [run["p99_ms"] for run in paced if run["what"] != f"{size}, at most"]
        if late:
            yield _aim(f"{size}, paced, p99", late[0], "ms", AIMS["p99_ms"], least=False)
    memory = max((run["rss_mb"] for run in ours), default=0.0)
    if memory:
        yield _aim("resident, the most", memory, "MB", AIMS["rss_mb"], least=False)


def _aim(what: str, found: float, unit: str, aim: float, *, least: bool) -> str:
    met = found >= aim if least else found <= aim
    bound = "at least" if least else "at most"
    return f"{what:24}{found:>10,.1f} {unit:10} {bound} {aim:,.0f}: {'met' if met else 'not met'}"
