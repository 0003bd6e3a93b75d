# SPDX-License-Identifier: EUPL-1.2
"""The receiver itself: whether it seals, who vouches for its log, how much room it has."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from lakzegel_server.desk import Desk
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.language import text
from lakzegel_server.pages.receiverstate import PHASES, state_of
from lakzegel_server.pages.rendering import timed_page

TESTS: Final = {  # of docs/spec/monitoring.md §1, by their names
    "database": text("What is written is durable"),
    "disk": text("There is room on the disk"),
    "stores": text("Where batches and keyrings are kept answers"),
    "keys": text("The log's keys sign"),
    "checkpoint": text("What is shown is what was committed"),
    "sealing": text("Batches are taken in"),
    "chores": text("What it does by itself is being done"),
    "clock": text("Its clock is right"),
    "database-clock": text("Its clock is the database's"),
    "certificate": text("Its certificate holds"),
    "handover": text("What was sealed is handed over"),
}


async def receiver(desk: Desk, request: Request) -> Response:
    """The page of the receiver."""
    state = await desk.workers.run(state_of, desk)
    tone, phase = PHASES[state.phase]
    return timed_page(
        desk,
        request,
        "receiver.html",
        desk.fleet.now(),
        state=state,
        tone=tone,
        phase=phase,
        tones=Tone,
        outcomes=await _outcomes(desk),
        tests=TESTS,
    )


async def _outcomes(desk: Desk) -> tuple[Any, ...]:
    """What the receiver's tests of itself found; none where it has none."""
    vitals: Any = getattr(desk, "vitals", None)
    return () if vitals is None else tuple(await vitals.probes.outcomes(desk.workers))
