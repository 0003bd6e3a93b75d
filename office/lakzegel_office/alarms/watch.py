# SPDX-License-Identifier: EUPL-1.2
"""Looks after each pull, and once a minute between: what is wrong is written down and told."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from lakzegel_office.alarms.book import NAME, Book
from lakzegel_office.alarms.conditions import Look, conditions
from lakzegel_office.alarms.overdue import Overdue
from lakzegel_office.alarms.sending import Place, places
from lakzegel_office.alarms.settings import NAME as SETTINGS
from lakzegel_office.alarms.settings import read_settings
from lakzegel_office.commands.common import Office
from lakzegel_office.doubts import Doubt
from lakzegel_office.index import IndexStore
from lakzegel_office.journal import Journal
from lakzegel_office.mirror import Mirror
from lakzegel_office.replay import Replay
from lakzegel_office.vault import INDEX
from lakzegel_web.sending import SendError

EVERY: Final = 60.0  # seconds between two looks while nothing is pulled
AGAIN: Final = 30.0  # seconds, at least, between two tries at a place that did not take one


def open_book(office: Office) -> Book:
    """Return the journal of alarms of an office."""
    return Book(Journal(office.home.records / f"{NAME}.jsonl", office.journal_key))


class Watch:
    """Keeps how things stand between two looks; used by one thread at a time."""

    def __init__(
        self, office: Office, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Read settings and journal.

        Raises:
            UsageError: the settings cannot be used.
        """
        self._office = office
        self._now = now
        self._settings = read_settings(office.home.root / SETTINGS)
        self._places = places(self._settings)
        self._book = open_book(office)
        self._mirror = Mirror(office.home.mirror)
        store = IndexStore(office.home.state, office.vault.load(INDEX))
        self._overdue = Overdue(store)
        self._doubts: tuple[Doubt, ...] = ()
        self._heard: datetime = now()  # from now on it counts
        self._tried: dict[str, datetime] = {}

    def pulled(self, doubts: list[Doubt], replay: Replay) -> None:
        """Take down what a pull found, and look."""
        self._heard = self._now()
        self._doubts = tuple(doubts)
        self._overdue.read(replay)
        self.look(replay)

    def failed(self, doubt: Doubt | None, replay: Replay) -> None:
        """Take down that a pull did not end: with a doubt, or because nobody answered."""
        if doubt is not None:
            self._doubts = (doubt,)
        self.look(replay)

    def look(self, replay: Replay) -> None:
        """Write down what is wrong now and what is over, and tell it."""
        now = self._now().replace(microsecond=0)
        free = shutil.disk_usage(self._office.home.root).free
        look = Look(now, self._doubts, self._heard, free, self._overdue.since)
        config, limits = self._office.config, self._settings.limits
        self._book.stand(conditions(look, replay, self._mirror, config, limits), now)
        for place in self._places:
            self._tell(place, now)

    def _tell(self, place: Place, now: datetime) -> None:
        """Tell a place what it was not told yet, in order, until it does not take one."""
        tried = self._tried.get(place.name)
        if tried is not None and (now - tried).total_seconds() < AGAIN:
            return
        for alarm in list(self._book.untold(place.name)):
            try:
                place.send(alarm, self._office.config.origin)
            except SendError:
                self._tried[place.name] = now
                return
            self._book.told(alarm, place.name, now)
        self._tried.pop(place.name, None)


class Ticker:
    """Has somebody look once a minute, in a thread, until it is stopped."""

    def __init__(self, work: Callable[[], None], every: float = EVERY) -> None:
        """Keep what to do."""
        self._work = work
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="alarms")

    def __enter__(self) -> None:
        """Start."""
        self._thread.start()

    def __exit__(self, *unused: object) -> None:
        """Stop; a look under way is ended first."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._every):
            self._work()
