# SPDX-License-Identifier: EUPL-1.2
"""Lakzegel on the corpus: from the agent's start to its last verified receipt."""

import compileall
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench.corpus import SOURCES
from bench.measure import BenchError, Usage, wait_beside
from lakzegel_demo.journey import Journey
from lakzegel_demo.places import Places
from lakzegel_demo.process import Children
from lakzegel_demo.sources import distinct

ROOMS: Final = ("lakzegel_core", "lakzegel_agent", "lakzegel_server")


def measure(corpus: Path, work: Path) -> tuple[Usage, Usage, dict[str, Any]]:
    """Return the cost with the receiver, that of the agent alone, and the agent's own count.

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
        status = journey.agent.status()
    ledger: dict[str, Any] = status["ledger"]
    if ledger["failed"] or ledger["found"] != ledger["sealed"]:
        raise BenchError(f"not everything was sealed: {ledger}")
    return both, alone, ledger


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
