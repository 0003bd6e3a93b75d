# SPDX-License-Identifier: EUPL-1.2
"""How causes stand and what has to be sent, durable in ``index.sqlite`` (docs/spec/alerts.md §3).

That a cause was told and the message about it are one transaction; a message goes when its sender
was told that it arrived. So a crash sends twice at worst, and loses none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Self

from lakzegel_server.alerting.model import Alert, Kind, Standing
from lakzegel_server.database import Connection, Database
from lakzegel_server.index.place import Place
from lakzegel_server.schema import row_digest

FIRST_PAUSE: Final = 30  # seconds before what failed is sent again; doubles
LONGEST_PAUSE: Final = 3600
_NEVER: Final = -1
Step = Callable[[Mapping[str, Standing]], tuple[Mapping[str, Standing], Sequence[Alert]]]


@dataclass(frozen=True, slots=True)
class Message:
    """One alert on its way to one place."""

    number: int
    place: str
    alert: Alert
    tries: int
    due: int

    def is_due(self, now: int) -> bool:
        """Whether it is time; also when it would be later than ever, by a clock that was ahead."""
        return self.due <= now or self.due > now + LONGEST_PAUSE


class Store:
    """One connection, one lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Place) -> Self:
        """Open a connection of its own."""
        return cls(Database.open(path))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._database.close()

    def standings(self) -> dict[str, Standing]:
        """Every cause that holds, or held a moment ago."""
        with self._lock:
            return _standings(self._database.connection)

    def decide(self, step: Step, places: Iterable[str]) -> None:
        """Remember how causes stand after a step, together with what is to be told to each place.

        One change: nobody, at this receiver or another, decides in between.
        """
        with self._lock, self._database.transaction() as change:
            before = _standings(change)
            standings, alerts = step(before)
            if standings == before and not alerts:
                return
            wanted = [(place, alert) for alert in alerts for place in places]
            change.execute("DELETE FROM alerts")
            for one in standings.values():
                gone = _NEVER if one.gone is None else one.gone
                told = one.raised if one.told else -one.raised  # above 0 while it stands
                row = (one.cause, one.since, one.count, told, gone, one.until)
                change.execute(
                    "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, row_digest(*row))
                )
            for place, alert in wanted:
                number = change.execute(
                    "SELECT coalesce(max(number), 0) + 1 FROM messages"
                ).fetchone()[0]
                message = (number, place, json.dumps(asdict(alert)), 0, alert.at)
                change.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)",
                    (*message, row_digest(*message)),
                )

    def unsent(self) -> list[Message]:
        """What is to be sent, now or later, the oldest first."""
        with self._lock:
            rows = self._database.connection.execute(
                "SELECT number, place, alert, tries, due FROM messages ORDER BY number"
            ).fetchall()
        return [Message(n, place, _alert(text), tries, due) for n, place, text, tries, due in rows]

    def sent(self, message: Message) -> None:
        """It arrived."""
        with self._lock, self._database.transaction() as change:
            change.execute("DELETE FROM messages WHERE number = ?", (message.number,))

    def failed(self, message: Message, now: int) -> None:
        """It did not; later again."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(message.tries, 10))
        text, tries, due = json.dumps(asdict(message.alert)), message.tries + 1, now + pause
        digest = row_digest(message.number, message.place, text, tries, due)
        with self._lock, self._database.transaction() as change:
            change.execute(
                "UPDATE messages SET tries = ?, due = ?, digest = ? WHERE number = ?",
                (tries, due, digest, message.number),
            )

    def refusals(self, since: str) -> int:
        """How many requests were refused since then, of those that are kept."""
        with self._lock:
            row = self._database.connection.execute(
                "SELECT count(*) FROM refusals WHERE at >= ?", (since,)
            ).fetchone()
        return int(row[0])


def _standings(connection: Connection) -> dict[str, Standing]:
    rows = connection.execute("SELECT cause, since, count, told, gone, until FROM alerts")
    return {
        cause: Standing(
            cause,
            since,
            count,
            told > 0,
            None if gone == _NEVER else gone,
            until,
            abs(told),
        )
        for cause, since, count, told, gone, until in rows.fetchall()
    }


def _alert(text: str) -> Alert:
    fields = json.loads(text)
    return Alert(**{**fields, "kind": Kind(fields["kind"])})
