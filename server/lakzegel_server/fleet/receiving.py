# SPDX-License-Identifier: EUPL-1.2
"""Takes in a group of heartbeats in one transaction (docs/spec/heartbeat.md §4).

A handful of statements reads what is known of all of them, another writes what is new: what one
heartbeat costs does not depend on how many devices there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from lakzegel_core.errors import ReplayError
from lakzegel_core.heartbeat import Heartbeat
from lakzegel_server.fleet import lives as living
from lakzegel_server.fleet.beat import Beat
from lakzegel_server.fleet.beats import Kept, read_kept, write_beats
from lakzegel_server.fleet.days import Day, add_days
from lakzegel_server.fleet.gathering import Arriving
from lakzegel_server.fleet.judging import Judge
from lakzegel_server.fleet.keeping import keep_states
from lakzegel_server.fleet.lives import Lives
from lakzegel_server.fleet.roll import Known
from lakzegel_server.index.engine import Connection


def receive(
    change: Connection, group: Sequence[Arriving], known: Mapping[str, Known], judge: Judge
) -> None:
    """Keep each that is newer than its device's newest; the others hear why not."""
    names = tuple(one.heartbeat.device for one in group)
    kept = read_kept(change, names)
    news = {one.heartbeat.device: one for one in group if _is_newer(one, kept)}
    beats = {name: Beat.of(one.heartbeat, one.at) for name, one in news.items()}
    lives = living.read(change, names)
    heard = {name: _heard(lives.get(name), one) for name, one in news.items()}
    living.write(change, {name: one for name, one in heard.items() if one != lives.get(name)})
    write_beats(change, {name: (one.at, one.data) for name, one in news.items()})
    add_days(change, _days(news, kept))
    here = {name: known[name] for name in news if name in known}
    keep_states(change, tuple(here), here, judge, beats, lives | heard)


def _is_newer(arriving: Arriving, kept: Mapping[str, Kept]) -> bool:
    """Whether it is; whoever sent it hears when it is not."""
    heartbeat = arriving.heartbeat
    known = kept.get(heartbeat.device)
    if known is None or (heartbeat.epoch, heartbeat.counter) > known.place:
        return True
    arriving.refused = ReplayError(
        f"device {heartbeat.device}: heartbeat {heartbeat.counter} is not newer than"
        f" {known.place[1]}"
    )
    return False


def _heard(known: Lives | None, arriving: Arriving) -> Lives:
    said: Heartbeat = arriving.heartbeat
    return (known or Lives(said.epoch)).heard(said.epoch, said.boot, arriving.at)


def _days(news: Mapping[str, Arriving], kept: Mapping[str, Kept]) -> dict[tuple[str, date], Day]:
    """The hours that are new; of most heartbeats there is one already."""
    return {
        (name, one.at.date()): Day().with_beat(one.at)
        for name, one in news.items()
        if name not in kept or not kept[name].is_of_hour(one.at)
    }
