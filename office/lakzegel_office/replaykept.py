# SPDX-License-Identifier: EUPL-1.2
"""What a replay knows beside its custody, as numbers: where its entries lie, and what did not fit.

The entries themselves are read from the mirror again, each proven to be the log's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lakzegel_core import hold, note
from lakzegel_core.entries import kind_of
from lakzegel_core.finding import Finding
from lakzegel_core.hold import Mark
from lakzegel_office.headers import record_of
from lakzegel_office.replay import Problem, Replay


def said_of(replay: Replay) -> Mapping[str, Any]:
    """Return what `resume` takes."""
    return {
        "accepted": len(replay.accepted),
        "changes": list(replay.changes.indices),
        "clock_back": dict(replay.clock_back),
        "findings": [index for rows in replay.findings.values() for index, _ in rows],
        "items": [[*place, count] for place, count in replay.items.items()],
        "marks": [index for index, _ in replay.marks],
        "problems": [[p.index, p.code, p.what, p.refused] for p in replay.problems],
    }


def resume(replay: Replay, size: int, root: bytes, says: Mapping[str, Any]) -> None:
    """Have a replay, whose custody was restored, go on from there.

    Raises:
        DoubtError: the mirror's tiles do not give that root, or lack an entry.
        LakzegelError, ValueError, KeyError, TypeError: it was not `said_of` a replay of this log.
    """
    replay.roots.begin_at(size, root)
    replay.entries.size = replay.entries.remembered = size
    replay.accepted.begin_at(int(says["accepted"]))
    replay.clock_back.update({str(name): int(n) for name, n in says["clock_back"].items()})
    replay.items.update({(str(d), int(e)): int(n) for d, e, n in says["items"]})
    for index in says["changes"]:
        replay.changes.add(index)
    for index in says["findings"]:
        found = Finding.from_text(note.parse(replay.entries.at(index)).text)
        replay.findings.setdefault(found.header, []).append((index, found))
    for index in says["marks"]:
        replay.marks.append((index, _mark(replay.entries.at(index))))
    for index, code, what, refused in says["problems"]:
        record = record_of(index, replay.entries.at(index))
        replay.problems.append(Problem(index, str(code), str(what), record, refused=bool(refused)))
        if refused and record is not None:
            replay.accepted.refused.add(index)


def _mark(entry: bytes) -> Mark:
    kind = hold.HOLD if kind_of(entry) == hold.HOLD else hold.TERM
    return Mark.from_text(note.parse(entry).text, kind)
