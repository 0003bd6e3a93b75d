# SPDX-License-Identifier: EUPL-1.2
"""Reading out phones, as the agent's life meets it: certificates, hours, programs.

docs/spec/readout.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from lakzegel_agent.correspondents import agreed
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.passes import WatchedSource
from lakzegel_agent.policies import InForce
from lakzegel_agent.readoutcertificate import ReadSource, certify
from lakzegel_agent.readoutcommand import load_programs, run_program, settings_beside
from lakzegel_agent.readoutkeeper import Agreed, ReadoutKeeper
from lakzegel_agent.readoutphones import Gate
from lakzegel_agent.station import Station

LOOK: Final = 60.0  # seconds between two looks at the clock


def certified(ledger: Ledger, sources: Sequence[WatchedSource]) -> bool:
    """Queue what is to be said of the backups that a pass read; return whether there is anything.

    Raises:
        UnwritableError: it is said after the next pass.
    """
    now = datetime.now(UTC)
    found = [
        one
        for source in sources
        if isinstance(source.gate, Gate)
        for one in certify(
            ledger, ReadSource(source.label, source.gate, agreed(source.correspondents)), now
        )
    ]
    return bool(found)


def keeper(station: Station, wake: Callable[[], None]) -> ReadoutKeeper:
    """Return what keeps the read-outs of this agent, by the system's clock and time zone."""
    settings = settings_beside(station.config.path)
    return ReadoutKeeper(
        programs=lambda: load_programs(settings),
        run=run_program,
        wake=wake,
        clock=lambda: datetime.now(UTC),
    )


def attend(
    kept: ReadoutKeeper, station: Station, in_force: InForce, sources: Sequence[WatchedSource]
) -> None:
    """Have the policy's read-outs kept, and state what stands in their way.

    Raises:
        UnwritableError: it is stated the next time.
    """
    wanted, gates = _agreed(in_force, sources)
    kept.attend(station.ledger, station.problems, wanted, gates)
    kept.tick()


def look(station: Station, in_force: InForce, sources: Sequence[WatchedSource]) -> bool:
    """State what read-outs are late and which phones nobody knows; whether the office has news.

    For who works once: nothing is started.

    Raises:
        UnwritableError: it is stated the next time.
    """
    wanted, gates = _agreed(in_force, sources)
    kept = keeper(station, lambda: None)
    return kept.look(station.ledger, station.problems, wanted, gates)


def _agreed(
    in_force: InForce, sources: Sequence[WatchedSource]
) -> tuple[list[Agreed], dict[str, Gate]]:
    """What the policy agreed on, and the gates of the sources of phones, by name."""
    labels = {entry.source.name: entry.label for entry in in_force.sources}
    names = {label: name for name, label in labels.items()}
    wanted = [Agreed(one, labels[one.source]) for one in in_force.policy.readouts]
    return wanted, {names[s.label]: s.gate for s in sources if isinstance(s.gate, Gate)}
