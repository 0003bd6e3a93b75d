# SPDX-License-Identifier: EUPL-1.2
"""Has the rows of devices made anew: many a transaction, each with everything that follows from it.

What the log says is looked up before a transaction begins: whoever seals waits for the index while
he keeps others from the log, so that nobody may wait for the log while he keeps others from the
index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from lakzegel_server.fleet import lives as living
from lakzegel_server.fleet.arrivals import Found, read_arrivals
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.beats import read_beats
from lakzegel_server.fleet.counts import change_counts
from lakzegel_server.fleet.judging import Judge, Told
from lakzegel_server.fleet.lives import Lives
from lakzegel_server.fleet.model import Arrival, Condition, DeviceHealth
from lakzegel_server.fleet.roll import Enrolled, Known
from lakzegel_server.fleet.states import UNKNOWN, State, drop_states, read_states, write_states
from lakzegel_server.fleet.troubles import change_troubles, drop_troubles
from lakzegel_server.index.engine import Connection


def read_healths(
    connection: Connection, known: Mapping[str, Known], judge: Judge
) -> list[DeviceHealth]:
    """How these devices fare, with everything that is known of them."""
    told = read_told(connection, known)
    return [judge.health(one, told[name]) for name, one in known.items()]


def read_told(
    connection: Connection,
    known: Mapping[str, Known],
    before: Mapping[str, State] | None = None,
    beats: Mapping[str, Beat] | None = None,
    lives: Mapping[str, Lives] | None = None,
) -> dict[str, Told]:
    """What came of these devices; heartbeats and lives are read where they are not given.

    Of a batch that a row has already no more than its place and time is told.
    """
    names = tuple(name for name, one in known.items() if isinstance(one, Enrolled))
    heads = {
        name: one.head[1].index
        for name, one in known.items()
        if isinstance(one, Enrolled) and one.head is not None
    }
    arrivals = {
        index: _again(before[name])
        for name, index in heads.items()
        if before is not None and name in before and before[name].newest == index
    }
    arrivals |= read_arrivals(connection, [one for one in heads.values() if one not in arrivals])
    beats = read_beats(connection, names) if beats is None else beats
    lives = living.read(connection, names) if lives is None else lives
    return {
        name: Told(arrivals.get(heads.get(name, UNKNOWN)), beats.get(name), lives.get(name))
        for name in known
    }


def keep_states(
    change: Connection,
    names: Sequence[str],
    known: Mapping[str, Known],
    judge: Judge,
    beats: Mapping[str, Beat] | None = None,
    lives: Mapping[str, Lives] | None = None,
) -> None:
    """Make these devices' rows anew, and drop those of whom the log knows nothing."""
    before = read_states(change, names)
    seen = None if beats is None else before  # a heartbeat says nothing of when batches came
    told = read_told(change, known, seen, beats, lives)
    after = [_state(known[name], told[name], judge, before.get(name)) for name in known]
    news = [state for state in after if before.get(state.device) != state]
    over = [state for name, state in before.items() if name not in known]
    write_states(change, news)
    change_troubles(change, before, news)
    drop_troubles(change, over)
    drop_states(change, [state.device for state in over])
    change_counts(change, _replaced(before, news, over), news)


def keep_sealed(
    change: Connection, known: Mapping[str, Known], found: Iterable[Found], judge: Judge
) -> None:
    """Make the rows of devices anew of whom batches came.

    Of one that captures and has no problem another batch changes nothing but when it came: it is
    not judged again, for hundreds may come in a second.
    """
    newest = dict(sorted(found, key=lambda one: one[1].index))
    before = read_states(change, tuple(newest))
    moved = {
        name: _moved(before[name], arrival)
        for name, arrival in newest.items()
        if name in before and _goes_on(before[name], known.get(name), arrival)
    }
    write_states(change, moved.values())
    rest = tuple(name for name in newest if name not in moved)
    keep_states(change, rest, {name: known[name] for name in rest if name in known}, judge)


def _goes_on(before: State, known: Known | None, arrival: Arrival) -> bool:
    """Whether nothing of a device is otherwise than before but its newest batch."""
    return (
        isinstance(known, Enrolled)
        and before.condition == Condition.CAPTURING
        and not before.troubles
        and not before.away
        and (before.epoch, before.grp, before.custody)
        == (known.epoch, known.group or "", known.custody)
        and (before.wanted, before.follows, before.ended) == known.log
        and arrival.index >= before.newest
    )


def _moved(before: State, arrival: Arrival) -> State:
    sealed = int(arrival.at.timestamp())
    return before._replace(newest=arrival.index, sealed=sealed, heard=max(before.heard, sealed))


def _again(state: State) -> Arrival:
    at = datetime.fromtimestamp(state.sealed, UTC)
    return Arrival(state.epoch, 0, state.newest, at, at, 0, 0)


def _replaced(
    before: Mapping[str, State], news: Iterable[State], over: Iterable[State]
) -> list[State]:
    return [*(before[one.device] for one in news if one.device in before), *over]


def _state(known: Known, told: Told, judge: Judge, before: State | None) -> State:
    """The row; looked at again when that was intended already, if that is sooner.

    So a heartbeat a minute does not put the deadline off each time, which is indexed.
    """
    state, now = judge.state(known, told), int(judge.now.timestamp())
    if before is not None and now < before.due <= state.due:
        return state._replace(due=before.due)
    return state if state.due > now else state._replace(due=now + 1)
