# SPDX-License-Identifier: EUPL-1.2
"""Looks again and again what holds, decides what is told, and has it sent (docs/spec/alerts.md)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final, Self

from lakzegel_server.alerting.model import Alert, Damping, Standing, step
from lakzegel_server.alerting.senders import MailSender, Sender, WebhookSender
from lakzegel_server.alerting.store import Message, Store
from lakzegel_server.chores import Chore, Chores
from lakzegel_server.index.place import Place
from lakzegel_server.settings import Settings
from lakzegel_server.words import read_words
from lakzegel_web.sending import SendError

EVERY: Final = 15.0  # seconds between two looks
MAIL: Final = "mail"
MOMENT_SECONDS: Final = 3600  # what happens in a moment holds so long
Observe = Callable[[int], Mapping[str, int]]  # the causes that hold now, by code
_log: Final = logging.getLogger(__name__)


class Alerts:
    """One receiver's."""

    def __init__(
        self,
        store: Store,
        senders: Mapping[str, Sender],
        damping: Damping,
        clock: Callable[[], float],
        quiet: Collection[str] = (),
    ) -> None:
        self.store = store
        self._senders = senders
        self._damping = damping
        self._clock = clock
        self._quiet = quiet
        self._turn = threading.Lock()
        self._chore: Chore | None = None

    @classmethod
    def open(
        cls, path: Place, settings: Settings, origin: str, *, clock: Callable[[], float]
    ) -> Self:
        """With a connection of its own, and the places that the settings name.

        Raises:
            ConfigError: a file of a secret is not what it must be.
        """
        chosen = settings.alerts
        damping = Damping(chosen.settle, chosen.recover)
        senders = senders_of(settings, origin)
        return cls(Store.open(path), senders, damping, clock, chosen.quiet)

    def close(self) -> None:
        """Close the connection."""
        self.store.close()

    def begin(self, chores: Chores, observe: Observe) -> None:
        """Look from now on, where there is somebody to tell."""
        if self._senders:
            work = lambda: self.work(observe)  # noqa: E731 - what a chore is given
            self._chore = chores.add("alerts", EVERY, work, alone="alerts")

    def work(self, observe: Observe) -> None:
        """Look, decide, send what is due; that goes on when looking fails."""
        now = int(self._clock())
        try:
            self._look(observe, now)
        finally:
            self.send(now)

    def _look(self, observe: Observe, now: int) -> None:
        found = observe(now)
        with self._turn:
            self.store.decide(
                lambda before: step(before, found, self._damping, now=now), self._senders
            )

    def happened(self, cause: str) -> None:
        """Something happened that is over in a moment: it is told at the next look."""
        if cause in self._quiet:
            return
        now = int(self._clock())

        def seen(standings: Mapping[str, Standing]) -> tuple[dict[str, Standing], list[Alert]]:
            known = standings.get(cause)
            if known is None or not known.told:
                known = Standing(cause, now, 0, raised=known.raised if known else 0)
            news = replace(known, count=known.count + 1, gone=None, until=now + MOMENT_SECONDS)
            return {**standings, cause: news}, []

        with self._turn:
            self.store.decide(seen, ())
        if self._chore is not None:
            self._chore.wake()

    def send(self, now: int) -> None:
        """Send what is due; what does not arrive is due again later.

        That a cause is over never overtakes that it holds. A place that lets one wait until its
        time is out gets no more in this round: the others are not to wait for it again and again.
        """
        kept: set[tuple[str, str]] = set()  # place and cause of what did not leave
        away: set[str] = set()
        for message in self.store.unsent():
            about = message.place, message.alert.cause
            if message.place in away or about in kept or not message.is_due(now):
                kept.add(about)
            elif not self._leaves(message, now):
                kept.add(about)
                away.add(message.place)

    def _leaves(self, message: Message, now: int) -> bool:
        """Whether it arrived, or has no place to go to any more."""
        sender = self._senders.get(message.place)
        try:
            if sender is not None:  # else the settings do not name it any more
                sender.send(message.alert)
        except SendError as error:
            _log.warning("an alert did not leave: %s", error)
            self.store.failed(message, now)
            return False
        self.store.sent(message)
        return True


def senders_of(settings: Settings, origin: str) -> dict[str, Sender]:
    """Every place that alerts go to, by a name that stays while the settings do.

    Raises:
        ConfigError: a file of a secret is not what it must be.
    """
    found: dict[str, Sender] = {}
    words, url = read_words(settings.alerts.language), settings.web.url
    if settings.mail is not None:
        found[MAIL] = MailSender(settings.mail, origin, words, url)
    for hook in settings.webhook:
        found[hook.url] = WebhookSender(hook, origin)
    return found
