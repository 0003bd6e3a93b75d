# SPDX-License-Identifier: EUPL-1.2
"""How many devices there are of each kind: kept, and changed together with the rows they are of.

So a page, a scrape or an alert reads some dozens of rows, whether there are ten devices or a
hundred thousand (docs/spec/storage.md §3).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lakzegel_server.fleet.assess import CERTIFICATE_ENDING
from lakzegel_server.fleet.model import Condition
from lakzegel_server.fleet.states import BEGINNING, GONE, UNKNOWN, State, marks, troubles_of
from lakzegel_server.index.engine import Connection
from lakzegel_server.schema import put, row_digest

CONDITION: Final = "condition"
CODE: Final = "code"  # of a problem
GROUP: Final = "group"
RING: Final = "ring"  # by group: enrolled or not, serials wanted and said, version
FOLLOWS: Final = "follows"  # by a policy's id
ENDING: Final = "ending"  # by the end of a certificate that ends soon
Key = tuple[str, str, str]
_DELETE: Final = "DELETE FROM fleet_counts WHERE what = ? AND name = ? AND detail = ?"


@dataclass(frozen=True, slots=True)
class RingCount:
    """So many devices of a group that are alike."""

    group: str
    enrolled: bool
    wanted: int | None
    policy: int | None
    version: str | None
    devices: int


@dataclass(slots=True)
class Census:
    """What was counted."""

    conditions: dict[Condition, int] = field(default_factory=dict)
    codes: dict[str, tuple[int, int]] = field(default_factory=dict)  # devices, and things on them
    groups: dict[str, int] = field(default_factory=dict)
    follows: dict[str, int] = field(default_factory=dict)
    ending: dict[int, int] = field(default_factory=dict)
    rings: list[RingCount] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Devices."""
        return sum(self.conditions.values())


def read_census(connection: Connection, *what: str) -> Census:
    """What is counted of these kinds."""
    rows = connection.execute(
        "SELECT what, name, detail, devices, amount FROM fleet_counts"  # noqa: S608 - ours
        f" WHERE what IN ({marks(what)}) ORDER BY what, name, detail",
        what,
    )
    found = Census()
    for kind, name, detail, devices, amount in rows:
        if kind == CONDITION:
            found.conditions[Condition(name)] = devices
        elif kind == CODE:
            found.codes[name] = devices, amount
        elif kind == RING:
            found.rings.append(_ring(name, detail, devices))
        elif kind == ENDING:
            found.ending[int(name)] = devices
        else:
            (found.groups if kind == GROUP else found.follows)[name] = devices
    return found


def change_counts(change: Connection, before: Iterable[State], after: Iterable[State]) -> None:
    """Take these devices out as they were, and in as they are; in the caller's transaction."""
    news: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for states, sign in ((before, -1), (after, 1)):
        for state in states:
            for key, amount in _counted(state):
                news[key][0] += sign
                news[key][1] += sign * amount
    _add(change, {key: (n, m) for key, (n, m) in news.items() if n or m})


def _add(change: Connection, news: Mapping[Key, tuple[int, int]]) -> None:
    for key in sorted(news):
        known = change.execute(
            "SELECT devices, amount FROM fleet_counts WHERE what = ? AND name = ? AND detail = ?",
            key,
        ).fetchone()
        more = news[key]
        devices, amount = more if known is None else (known[0] + more[0], known[1] + more[1])
        if devices > 0:
            row = (*key, devices, amount)
            change.execute(put("fleet_counts"), (*row, row_digest(*row)))
        elif known is not None:
            change.execute(_DELETE, key)


def _counted(state: State) -> Iterator[tuple[Key, int]]:
    """Where a device is counted, and with how many things."""
    yield (CONDITION, state.condition, ""), 0
    for code, _, count in troubles_of(state):
        yield (CODE, code, ""), count
        if code == CERTIFICATE_ENDING:
            yield (ENDING, str(state.certificate), ""), 0
    if state.follows:
        yield (FOLLOWS, state.follows, ""), 0
    if state.grp:
        yield (GROUP, state.grp, ""), 0
        if state.condition not in GONE:
            yield (RING, state.grp, _alike(state)), 0


def _alike(state: State) -> str:
    enrolled = int(state.enrolled != BEGINNING)
    return f"{enrolled} {state.wanted} {state.policy} {state.version}"


def _ring(group: str, detail: str, devices: int) -> RingCount:
    enrolled, wanted, policy, version = detail.split(" ", 3)
    return RingCount(
        group, enrolled == "1", _serial(wanted), _serial(policy), version or None, devices
    )


def _serial(text: str) -> int | None:
    return None if int(text) == UNKNOWN else int(text)
