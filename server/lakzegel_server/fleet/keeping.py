# SPDX-License-Identifier: EUPL-1.2
"""Has the rows of devices made anew: many a transaction, each with everything that follows from it.

What the log says is looked up before a transaction begins: whoever seals waits for the index while
he keeps others from the log, so that nobody may wait for the log while he keeps others from the
index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lakzegel_server.fleet import lives as living
from lakzegel_server.fleet.arrivals import read_arrivals
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.beats import read_beats
from lakzegel_server.fleet.counts import change_counts
from lakzegel_server.fleet.judging import Judge, Told
from lakzegel_server.fleet.lives import Lives
from lakzegel_server.fleet.model import DeviceHealth
from lakzegel_server.fleet.roll import Enrolled, Known
from lakzegel_server.fleet.states import State, drop_states, read_states, write_states
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
    beats: Mapping[str, Beat] | None = None,
    lives: Mapping[str, Lives] | None = None,
) -> dict[str, Told]:
    """What came of these devices; heartbeats and lives are read where they are not given."""
    names = tuple(name for name, one in known.items() if isinstance(one, Enrolled))
    heads = {
        name: one.head[1].index
        for name, one in known.items()
        if isinstance(one, Enrolled) and one.head is not None
    }
    arrivals = read_arrivals(connection, tuple(heads.values()))
    beats = read_beats(connection, names) if beats is None else beats
    lives = living.read(connection, names) if lives is None else lives
    return {
        name: Told(arrivals.get(heads.get(name, -1)), beats.get(name), lives.get(name))
        for name in known
    }


def keep_states(
    change: Connection,
    names: Sequence[str],
    known: Mapping[str, Known],
    told: Mapping[str, Told],
    judge: Judge,
) -> None:
    """Make these devices' rows anew, and drop those of whom the log knows nothing."""
    before = read_states(change, names)
    after = [_state(known[name], told[name], judge, before.get(name)) for name in known]
    news = [state for state in after if before.get(state.device) != state]
    over = [state for name, state in before.items() if name not in known]
    write_states(change, news)
    change_troubles(change, before, news)
    drop_troubles(change, over)
    drop_states(change, [state.device for state in over])
    change_counts(change, _replaced(before, news, over), news)


def _replaced(
    before: Mapping[str, State], news: Iterable[State], over: Iterable[State]
) -> list[State]:
    return [*(before[one.device] for one in news if one.device in before), *over]


def _state(known: Known, told: Told, judge: Judge, before: State | None) -> State:
    """The row; looked at again when that was intended already, if that is sooner.

    So a heartbeat a minute does not put the deadline off each time, which is indexed.
    """
    state = judge.state(known, told)
    if before is not None and judge.now.timestamp() < before.due <= state.due:
        return state._replace(due=before.due)
    return state
