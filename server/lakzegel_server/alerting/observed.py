# SPDX-License-Identifier: EUPL-1.2
"""Which causes hold at this moment, and how often: of devices, and of this receiver itself.

One fault is one cause: what is told by a cause of its own is not told by that of its effects too.
docs/spec/alerts.md §1
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_server.desk import STORE, Desk
from lakzegel_server.fleet.causes import is_trouble
from lakzegel_server.fleet.counts import CODE, ENDING, read_census
from lakzegel_server.fleet.states import NEVER
from lakzegel_server.standing import Phase

SURGE: Final = timedelta(minutes=10)
AWAY_SECONDS: Final = 600  # that a witness, an authority or a place of hand-over may be away
OFFICE_GRACE: Final = timedelta(minutes=30)  # after a start, in which the office comes back
STORE_AWAY: Final = "store-away"
REFUSED: Final = "enrolment-refused"
REFUSED_FOR: Final = timedelta(hours=2)  # a device that is refused asks again within the hour
BY_TOKEN: Final = frozenset({"expired", "exhausted", "withdrawn"})  # codes of enrolments alone
_PHASES: Final = {
    Phase.ASKING: "catching-up",
    Phase.CATCHING_UP: "catching-up",
    Phase.SHORT: "short",
    Phase.FORKED: "forked",
}
_ENDING: Final = "certificate-ending"
_ANOTHER_LOG: Final = frozenset({"ahead", "fork", "not-extended"})  # a witness's failures
_OF_STORE: Final = frozenset({"StoreError", "RefusalError"})  # of what needs a store that is away
_FULL: Final = frozenset({"OSError", "OperationalError", "FullError"})  # of a disk without room


def observe(desk: Desk, now: int) -> dict[str, int]:
    """Every cause that holds, with how many devices or parts it is of."""
    moment = datetime.fromtimestamp(now, UTC)
    found: Counter[str] = Counter()
    found.update(_of_devices(desk, moment))
    if desk.receivers is None:
        found.update(_of_itself(desk, now))
    else:
        found.update(desk.receivers.causes())
    found["office-unreachable"] = int(is_office_away(desk, moment))
    if desk.alerts.store.refusals(format_time(moment - SURGE)) >= desk.settings.alerts.refusals:
        found["refusals"] = 1
    found[REFUSED] = refused_enrolments(desk, moment)
    quiet = desk.settings.alerts.quiet
    return {code: count for code, count in found.items() if count and code not in quiet}


def own_causes(desk: Desk, clock: Callable[[], float]) -> dict[str, int]:
    """What one of several receivers finds wrong with itself, for whoever tells of all."""
    found = _of_itself(desk, int(clock()))
    if desk.receivers is not None:
        found.update(desk.receivers.own())
    return {code: count for code, count in found.items() if count}


def _of_itself(desk: Desk, now: int) -> Counter[str]:
    """Every cause of this receiver's own, with how many parts it is of."""
    found: Counter[str] = Counter()
    phase = _PHASES.get(desk.log.standing.phase)
    if phase is not None:
        found[phase] = 1
    found["disk"] = int(shutil.disk_usage(desk.layout.data).free < desk.settings.healthz.free)
    found.update(_of_witnesses(desk, now))
    found["tsa-failing"] = sum(
        one.failing is not None
        and now - one.failing > max(AWAY_SECONDS, one.every)
        and _is_ours(desk, f"timestamp-{one.name}")
        for one in desk.timestamps.states()
    )
    found["handover-failing"] = sum(
        one.failing_since is not None
        and now - one.failing_since > AWAY_SECONDS
        and _is_ours(desk, f"handover-{one.name}")
        for one in desk.handover.states()
    )
    found[STORE_AWAY] = len(_stores_away(desk))
    found["chore-failing"] = len(list(_chores(desk, is_full=bool(found["disk"]))))
    found.update(_of_certificate(desk, datetime.fromtimestamp(now, UTC)))
    return found


def _is_ours(desk: Desk, chore: str) -> bool:
    """Whether what this receiver knows of a chore is new: of several, one does it."""
    return chore not in desk.chores or desk.chores[chore].ours


def refused_enrolments(desk: Desk, now: datetime) -> int:
    """How many enrolments were refused of late of those that a token which the log knows signed."""
    since = format_time((now - REFUSED_FOR).replace(microsecond=0))
    return sum(count for _, count, _ in desk.register.refused_since(BY_TOKEN, since))


def is_office_away(desk: Desk, now: datetime) -> bool:
    """Whether the records office, which there is, has not fetched anything for too long."""
    with desk.log.looking() as custody:
        if custody.delegation is None:
            return False
    last = datetime.fromtimestamp(desk.visits.last.at, UTC)
    return now - last > desk.settings.watch.office and now - desk.fleet.grace.began > OFFICE_GRACE


def _chores(desk: Desk, *, is_full: bool) -> Iterator[str]:
    """The chores whose failure no other cause tells of, now or soon."""
    told = [STORE]
    if any(one.failing_since is not None for one in desk.witnesses.states()):
        told.append("witness-")
    if any(one.failing is not None for one in desk.timestamps.states()):
        told.append("timestamp-")
    if not desk.log.standing.sealing:
        told += ["recovery", "recovered-files"]
    unread = _OF_STORE if _stores_away(desk) else frozenset()
    for chore in desk.chores:
        if chore.failed is None or (is_full and chore.failed in _FULL):
            continue
        if chore.failed not in unread and not chore.name.startswith(tuple(told)):
            yield chore.name


def _stores_away(desk: Desk) -> list[str]:
    """The chores that ask a store whether it answers, of those that do not."""
    return [one.name for one in desk.chores if one.failed and one.name.startswith(STORE)]


def _of_devices(desk: Desk, now: datetime) -> dict[str, int]:
    """The causes that hold of devices, but for what is the receiver's own certificate's."""
    desk.fleet.refresh(now)
    with desk.fleet.reading() as connection:
        census = read_census(connection, CODE, ENDING)
    found = {code: devices for code, (devices, _) in census.codes.items() if is_trouble(code)}
    own = (
        devices
        for end, devices in census.ending.items()
        if end != NEVER and desk.certificate.is_own(datetime.fromtimestamp(end, UTC))
    )
    if _ENDING in found:
        found[_ENDING] -= sum(own)
    return found


def _of_witnesses(desk: Desk, now: int) -> Iterator[str]:
    """One for each that fails: one that knows another log is told at once, and as that."""
    for number, one in enumerate(desk.witnesses.states()):
        if one.failing_since is None or not _is_ours(desk, f"witness-{number}"):
            continue
        if one.failure in _ANOTHER_LOG:
            if desk.log.standing.sealing:  # else this one is being made whole, and tells of it
                yield "witness-contradicts"
        elif now - one.failing_since > AWAY_SECONDS:
            yield "witness-missing"


def _of_certificate(desk: Desk, now: datetime) -> Iterator[str]:
    found = desk.certificate.state()
    if found is None:
        return
    if now >= found.ends:
        yield "receiver-certificate-over"
    elif found.ends - now < desk.settings.watch.certificate:
        yield "receiver-certificate-ending"
    if found.unread:
        yield "receiver-certificate-unread"
