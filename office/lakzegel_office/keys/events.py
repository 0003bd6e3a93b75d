# SPDX-License-Identifier: EUPL-1.2
"""What was done with keys and when it is due again: `records/keys.jsonl`.

docs/spec/office-keys.md §5, §6.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from lakzegel_office.home import Home
from lakzegel_office.journal import Entry, Journal

SPLIT: Final = "escrow-split"
SAMPLE: Final = "escrow-sample"
TRAIL_CHECK: Final = "trail-check"
QUARTER: Final = timedelta(days=92)


class Events:
    """The journal of what was done with keys."""

    def __init__(self, home: Home, journal_key: bytes) -> None:
        """Keep the place and the key of the journals."""
        self._journal = Journal(home.records / "keys.jsonl", journal_key)

    def record(self, event: str, about: Mapping[str, object], *, by: str, now: datetime) -> Entry:
        """Add a line, on disk before this returns."""
        return self._journal.append_all([{"event": event, "by": by, **about}], now)[-1]

    def of(self, event: str, **about: str) -> Iterator[Entry]:
        """Yield the lines of an event that are about this, oldest first."""
        for entry in self._journal.read():
            says = entry.says
            if says["event"] == event and all(says.get(k) == v for k, v in about.items()):
                yield entry

    def newest(self, event: str, **about: str) -> Entry | None:
        """Return the last of them, or None."""
        return max(self.of(event, **about), key=lambda entry: entry.number, default=None)
