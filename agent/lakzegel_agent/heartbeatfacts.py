# SPDX-License-Identifier: EUPL-1.2
"""What a heartbeat says, picked from what `status` shows; numbers, times and words of our lists.

Nothing else of it gets in: what is no word of a list becomes `other` (docs/spec/heartbeat.md §3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lakzegel_agent.readoutkeeper import Agreed, upcoming
from lakzegel_agent.status import Status, describe
from lakzegel_core import fields
from lakzegel_core.encoding import parse_time
from lakzegel_core.errors import FormatError, LimitError
from lakzegel_core.heartbeat import (
    MAX_GUARDS,
    MAX_PROBLEMS,
    MAX_READOUTS,
    MAX_SOURCES,
    Heartbeat,
    sign_heartbeat,
)
from lakzegel_core.heartbeatrows import (
    Figures,
    GuardCount,
    LastReceipt,
    ProblemCount,
    ReadoutDue,
    SourceCount,
    SpoolUse,
    source_name,
)

if TYPE_CHECKING:
    from lakzegel_agent.devicekeys import Introduction
    from lakzegel_agent.ledger import Ledger
    from lakzegel_agent.liaison import Liaison
    from lakzegel_agent.policies import InForce

OTHER: Final = "other"
COVERED: Final = "covered"


def heartbeat(
    liaison: Liaison,
    current: Introduction,
    in_force: InForce | None,
    *,
    boot: bytes,
    started: datetime,
    skew: int | None,
    counter: int,
) -> bytes:
    """The signed note of how this device fares now.

    Raises:
        FormatError: something that a heartbeat cannot say.
    """
    now = liaison.clock()
    status = describe(
        pins=liaison.link.pins,
        ledger=liaison.ledger,
        spool=liaison.spool,
        current=current,
        in_force=in_force,
        problems=liaison.problems.listed(),
        keystore="",
    )
    made = Heartbeat(
        origin=liaison.link.pins.origin,
        device=current.enrolment.device,
        epoch=current.enrolment.epoch,
        boot=boot,
        counter=counter,
        at=now,
        agent=status["version"],
        started=_hour(started),
        policy=None if in_force is None else in_force.policy.serial,
        ledger=Figures(**status["ledger"]),
        spool=_spool(status["spool"]),
        receipt=_receipt(status["last_receipt"]),
        skew=skew,
        certificate=liaison.link.trusted_until(),
        problems=_problems(status["problems"]),
        guards=_guards(status["guards"]),
        readouts=tuple(_readouts(liaison.ledger, in_force, now)),
        sources=_sources(status["readiness"]),
    )
    try:
        return sign_heartbeat(made, current.keys.header)
    except LimitError:  # only names can be that long
        return sign_heartbeat(replace(made, readouts=()), current.keys.header)


def _spool(row: Status) -> SpoolUse:
    return SpoolUse(row["batches"], row["bytes"], row["limit"])


def _receipt(row: Status | None) -> LastReceipt | None:
    return None if row is None else LastReceipt(row["index"], _time(row["at"]))


def _problems(rows: Iterable[Status]) -> tuple[ProblemCount, ...]:
    """One line a code: of how many things, and since the first of them."""
    counts, since = Counter[str](), dict[str, datetime]()
    for row in rows:
        code, moment = _word(row["code"]), _hour(_time(row["since"]))
        counts[code] += row["count"]
        since[code] = min(since.get(code, moment), moment)
    found = [ProblemCount(code, counts[code], since[code]) for code in sorted(counts)]
    return tuple(found[:MAX_PROBLEMS])


def _guards(rows: Iterable[Status]) -> tuple[GuardCount, ...]:
    """The guards that are on, by state."""
    counts = Counter[tuple[str, str]]()
    for row in rows:
        for state, count in row["subjects"].items() if row["state"] is not None else ():
            counts[_word(row["id"]), _word(state)] += count
    found = [GuardCount(guard, state, counts[guard, state]) for guard, state in sorted(counts)]
    return tuple(found[:MAX_GUARDS])


def _sources(readiness: Status | None) -> tuple[SourceCount, ...]:
    """How many sources are covered, and how many are not, by why."""
    rows: list[Mapping[str, Any]] = [] if readiness is None else readiness["sources"]
    counts = Counter(COVERED if row["covered"] else _word(row["why"]) for row in rows)
    return tuple(SourceCount(state, counts[state]) for state in sorted(counts)[:MAX_SOURCES])


def _readouts(ledger: Ledger, in_force: InForce | None, now: datetime) -> Iterator[ReadoutDue]:
    """When each read-out of the policy is due; a name that is no line's is passed over."""
    if in_force is None:
        return
    labels = {entry.source.name: entry.label for entry in in_force.sources}
    found = {one.source: one for one in in_force.policy.readouts if _is_name(one.source)}
    for name in sorted(found)[:MAX_READOUTS]:
        due, overdue = upcoming(ledger, Agreed(found[name], labels[name]), now, None)
        yield ReadoutDue(name, _hour(due), now >= overdue)


def _is_name(name: str) -> bool:
    try:
        return bool(source_name(name))
    except FormatError:
        return False


def _word(text: str) -> str:
    try:
        return fields.slug(text, what="word")
    except FormatError:
        return OTHER


def _time(text: str) -> datetime:
    return parse_time(text, what="status")


def _hour(moment: datetime) -> datetime:
    """The beginning of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)
