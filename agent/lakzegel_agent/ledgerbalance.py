# SPDX-License-Identifier: EUPL-1.2
"""Whether the ledger's counts agree with its rows (docs/spec/ledger.md §4).

found = sealed + excluded + failed     by construction: nothing counts what was found
sealed   = versions in batches that were not given up, source by source
excluded, failed ≥ the files that are so now
"""

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

_COUNTS: Final = "SELECT source, outcome, reason, versions FROM counts"
_CAPTURED: Final = """
SELECT c.source, sum(c.versions) FROM captured c
JOIN batches b ON b.epoch = c.epoch AND b.batch = c.batch
WHERE b.state != 'given-up' GROUP BY c.source
"""
_NOW: Final = """
SELECT source, outcome, coalesce(reason, ''), count(*) FROM files
WHERE gone = 0 GROUP BY source, outcome, reason
"""


class Imbalance(NamedTuple):
    """One count that the rows contradict."""

    source: int
    outcome: str
    reason: str
    counted: int
    rows: int


def present(db: sqlite3.Connection) -> list[tuple[int, str, str, int]]:
    """Return source, outcome, reason and number of the files that are there now."""
    return list(db.execute(_NOW))


def imbalances(db: sqlite3.Connection) -> Iterator[Imbalance]:
    """Yield every count that cannot be true; nothing for a ledger that balances.

    The caller sees one state of the database: three statements in one read transaction.
    """
    counted = {row[:3]: row[3] for row in db.execute(_COUNTS)}
    captured = dict(db.execute(_CAPTURED))
    now = {row[:3]: row[3] for row in present(db)}
    for source in sorted({key[0] for key in counted} | set(captured)):
        sealed, rows = counted.get((source, "sealed", ""), 0), captured.get(source, 0)
        if sealed != rows:
            yield Imbalance(source, "sealed", "", sealed, rows)
    for key in sorted(counted.keys() | now.keys()):
        if key[1] != "sealed" and counted.get(key, 0) < now.get(key, 0):
            yield Imbalance(key[0], key[1], key[2], counted.get(key, 0), now[key])
        elif counted.get(key, 0) < 0:
            yield Imbalance(key[0], key[1], key[2], counted[key], 0)
