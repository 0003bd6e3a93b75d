# SPDX-License-Identifier: EUPL-1.2
"""What is kept of how each device fares: a row each, so that a page reads the rows that it shows.

A row is made when a heartbeat or a batch of its device came, when the log says something of it, or
when a deadline of it passed (`tending.py`); its columns are those of docs/spec/storage.md §3. Times
are POSIX seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from lakzegel_server.fleet.absence import Span
from lakzegel_server.fleet.model import Arrival, Condition, DeviceHealth, Trouble
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

UNKNOWN: Final = -1  # a number that nobody said
BEGINNING: Final = -62_135_596_800  # what never happened comes before whatever did
NEVER: Final = 253_402_300_800  # or after it: the first second that has no date any more
NUMBER: Final = 6  # digits of a part of a version


class State(NamedTuple):
    """One row, in the order of the table's columns."""

    device: str
    grp: str  # empty: of no group
    custody: str
    epoch: int
    enrolled: int  # its current epoch; BEGINNING: admitted only
    condition: str
    rank: int  # of its condition, where devices are listed
    since: int  # when its condition began; NEVER: not known
    troubles: str  # code, since, count: a line each
    newest: int  # index of its newest batch, or UNKNOWN
    sealed: int  # when that came
    heard: int  # its newest batch or heartbeat
    stated: int  # its newest heartbeat; what follows is from there
    version: str
    ordered: str  # the version, as it is sorted
    skew: int
    policy: int  # the serial that it says it follows
    waiting: int  # batches
    spool: int  # bytes
    spool_limit: int
    certificate: int  # NEVER: none is known
    away: str  # planned absences, begin:end, with commas
    wanted: int  # the serial that it is to follow
    follows: str  # and the id of that policy; empty: none is for it
    ended: int  # index of its revocation or last batch, or UNKNOWN
    due: int  # when it has to be looked at again, whatever comes before

    @property
    def has_ended(self) -> bool:
        """Whether nothing is expected of it any more."""
        return self.ended != UNKNOWN


_COLUMNS: Final = ", ".join(State._fields)
GONE: Final = frozenset({Condition.REVOKED.value, Condition.CLOSED.value})


class Standing(NamedTuple):
    """What the log says of a device beside its health."""

    wanted: int = UNKNOWN
    follows: str = ""
    ended: int = UNKNOWN


def state_of(
    health: DeviceHealth, rank: int, since: datetime | None, log: Standing, due: datetime
) -> State:
    """The row of a device."""
    newest = health.newest
    return State(
        health.device,
        health.group or "",
        health.custody,
        health.epoch,
        _seconds(health.enrolled, BEGINNING),
        health.condition.value,
        rank,
        _seconds(since, NEVER),
        "\n".join(f"{one.code} {_seconds(one.since, 0)} {one.count}" for one in health.troubles),
        UNKNOWN if newest is None else newest.index,
        BEGINNING if newest is None else _seconds(newest.at, 0),
        _seconds(health.heard, BEGINNING),
        _seconds(health.stated, BEGINNING),
        health.version or "",
        version_order(health.version),
        health.skew or 0,
        UNKNOWN if health.policy is None else health.policy,
        health.spool_batches,
        health.spool_bytes,
        health.spool_limit,
        _seconds(health.certificate, NEVER),
        ",".join(f"{_seconds(begin, 0)}:{_seconds(end, 0)}" for begin, end in health.away),
        log.wanted,
        log.follows,
        log.ended,
        _seconds(due, NEVER),
    )


def health_of(state: State) -> DeviceHealth:
    """What a list of devices shows of one: all but guards, read-outs, sources and the ledger."""
    sealed = _moment(state.sealed)
    newest = None
    if state.newest != UNKNOWN and sealed is not None:
        newest = Arrival(state.epoch, 0, state.newest, sealed, sealed, 0, 0)
    stated = _moment(state.stated)
    return DeviceHealth(
        device=state.device,
        group=state.grp or None,
        custody=state.custody,
        epoch=state.epoch,
        enrolled=_moment(state.enrolled),
        condition=Condition(state.condition),
        troubles=tuple(Trouble(code, _sure(since), n) for code, since, n in troubles_of(state)),
        newest=newest,
        heard=_moment(state.heard),
        stated=stated,
        version=state.version or None,
        skew=state.skew if stated or state.version else None,
        policy=None if state.policy == UNKNOWN else state.policy,
        spool_batches=state.waiting,
        spool_bytes=state.spool,
        spool_limit=state.spool_limit,
        certificate=_moment(state.certificate),
        away=tuple(_spans(state.away)),
    )


def troubles_of(state: State) -> Iterator[tuple[str, int, int]]:
    """Code, since, and count of each problem."""
    for line in state.troubles.split("\n") if state.troubles else ():
        code, since, count = line.rsplit(" ", 2)
        yield code, int(since), int(count)


def version_order(version: str | None) -> str:
    """Something that versions can be sorted by as text; what is no number counts as 0."""
    parts = (version or "").split(".")
    numbers = (part if part.isascii() and part.isdigit() else "0" for part in parts)
    return ".".join(number[:NUMBER].rjust(NUMBER, "0") for number in numbers)


def read_states(connection: Connection, names: Sequence[str]) -> dict[str, State]:
    """The rows of these devices that there are."""
    if not names:
        return {}
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM fleet WHERE device IN ({marks(names)})",  # noqa: S608 - ours
        tuple(names),
    )
    return {row[0]: State(*row) for row in rows}


def write_states(change: Connection, states: Iterable[State]) -> None:
    """Write these rows."""
    change.executemany(put("fleet"), [(*one, row_digest(*one)) for one in states])


def drop_states(change: Connection, names: Sequence[str]) -> None:
    """Drop the rows of these devices."""
    change.executemany("DELETE FROM fleet WHERE device = ?", [(name,) for name in names])


def all_names(connection: Connection) -> set[str]:
    """All devices with a row."""
    return {str(row[0]) for row in connection.execute("SELECT device FROM fleet")}


def read_conditions(connection: Connection) -> list[tuple[str, str]]:
    """Every device and its condition, by name."""
    rows = connection.execute("SELECT device, condition FROM fleet ORDER BY device")
    return [(str(device), str(condition)) for device, condition in rows]


def names_after(connection: Connection, group: str, name: str, limit: int) -> list[str]:
    """Devices of a group with a row, in order of their names, after this one."""
    rows = connection.execute(
        "SELECT device FROM fleet WHERE grp = ? AND device > ? ORDER BY device LIMIT ?",
        (group, name, limit),
    )
    return [str(row[0]) for row in rows]


def names_ended(connection: Connection, limit: int) -> list[str]:
    """Devices that are revoked or closed, the one that ended last in the log first."""
    rows = connection.execute(
        "SELECT device FROM fleet WHERE ended > ? ORDER BY ended DESC, device DESC LIMIT ?",
        (UNKNOWN, limit),
    )
    return [str(row[0]) for row in rows]


def newest_life(connection: Connection) -> datetime | None:
    """When any device was last heard of; None where none ever was."""
    heard = connection.execute("SELECT max(heard) FROM fleet").fetchone()[0]
    return None if heard is None else _moment(int(heard))


def names_due(connection: Connection, now: int, limit: int) -> list[str]:
    """Devices whose deadline has passed, the longest overdue first."""
    rows = connection.execute(
        "SELECT device FROM fleet WHERE due <= ? ORDER BY due LIMIT ?", (now, limit)
    )
    return [str(row[0]) for row in rows]


def marks(values: Sequence[object]) -> str:
    """A place for each of these values; where there is none, what nothing is equal to."""
    return ", ".join("?" * len(values)) or "NULL"


def _seconds(moment: datetime | None, otherwise: int) -> int:
    return otherwise if moment is None else int(moment.timestamp())


def _moment(seconds: int) -> datetime | None:
    return None if seconds in {BEGINNING, NEVER} else _sure(seconds)


def _sure(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _spans(text: str) -> Iterator[Span]:
    for one in text.split(",") if text else ():
        begin, _, end = one.partition(":")
        yield _sure(int(begin)), _sure(int(end))
