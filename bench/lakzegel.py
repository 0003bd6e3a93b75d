# SPDX-License-Identifier: EUPL-1.2
"""Lakzegel on the corpus: from the agent's start to its last verified receipt."""

import compileall
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench import resident
from bench.corpus import SOURCES
from bench.measure import BenchError, Usage, wait_beside
from lakzegel_demo.journey import Journey
from lakzegel_demo.places import Places
from lakzegel_demo.process import Children
from lakzegel_demo.sources import distinct

ROOMS: Final = ("lakzegel_core", "lakzegel_agent", "lakzegel_server")


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost with the receiver, that of the agent alone, its own count, and its life after."""

    both: Usage
    alone: Usage
    ledger: dict[str, Any]
    resident: dict[str, float]


def measure(corpus: Path, work: Path, *, first: bool) -> Measured:
    """Return what a first capture cost, and, unless ``first`` is all, what an agent costs after it.

    Raises:
        BenchError: not every file came to be sealed.
    """
    _compile()
    places = Places.begin(work / "lakzegel")
    sources = distinct((kind, corpus / name) for name, kind in SOURCES.items())
    with Children(places.logs) as children:
        journey = Journey(places, sources, children, lambda _: None)
        journey.enrol_device(journey.found_parties())
        journey.put_policy_in_force()
        both, alone = _once(children, places)
        ledger: dict[str, Any] = journey.agent.status()["ledger"]
        if ledger["failed"] or ledger["found"] != ledger["sealed"]:
            raise BenchError(f"not everything was sealed: {ledger}")
        after = {} if first else resident.measure(journey, corpus)
    return Measured(both, alone, ledger, after)


def _once(children: Children, places: Places) -> tuple[Usage, Usage]:
    server = children.running["server"].pid
    began = time.monotonic()
    arguments = ["once", "--config", str(places.agent / "agent.toml")]
    pid = children.start("agent", "lakzegel_agent", arguments)
    log = places.logs / "agent.log"
    agent, both = wait_beside(pid, began, (server,), name="lakzegel-agent", log=log)
    return both, agent


def _compile() -> None:
    """Leave bytecode beside the source, as the installation of a package does."""
    for room in ROOMS:
        found = find_spec(room)
        if found is None or found.origin is None:
            raise BenchError(f"{room}: not installed")
        compileall.compile_dir(Path(found.origin).parent, quiet=1)
