# SPDX-License-Identifier: EUPL-1.2
"""Tells one program that the log grew, by a signed post (docs/spec/handover.md §3)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Final

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.encoding import b64
from lakzegel_server.handover.state import PlaceState
from lakzegel_server.handover.told import Told
from lakzegel_server.logstate import LogState
from lakzegel_server.settings import read_secret
from lakzegel_server.settings_alerts import Webhook
from lakzegel_web.sending import SendError, post

PAUSE: Final = 5.0  # seconds between two posts that arrived
_log: Final = logging.getLogger(__name__)


class Hook:
    """One program at the other end of HTTPS."""

    def __init__(
        self,
        name: str,
        settings: Webhook,
        *,
        log: LogState,
        told: Told,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """Keep the parties; how far it was told is read.

        Raises:
            ConfigError: the file of its secret is not what it must be.
        """
        self._settings = settings
        self._secret = read_secret(settings.secret_file).encode()
        self._log = log
        self._told = told
        self._clock = clock
        self._monotonic = monotonic
        self._due = monotonic()
        self.state = PlaceState(name, told.size(settings.url))

    def resume(self) -> None:
        """Go on from how far it was told, by whichever receiver."""
        self.state = PlaceState(self.state.name, self._told.size(self._settings.url))

    def work(self) -> None:
        """Tell of the newest tree, when that is news and it is time."""
        tree = self._log.shown.checkpoint
        news = tree.size > self.state.size and self._log.standing.sealing
        if not news or self._monotonic() < self._due:
            return
        url, body = self._settings.url, json.dumps(document(tree)).encode()
        try:
            post(url, body, self._secret, ca_file=self._settings.ca_file)
        except SendError as error:
            pause = self.state.fails(str(error), self._clock())
            _log.warning("hand-over to %s failed: %s", self.state.name, error)
        else:
            self._told.keep(url, tree.size)
            self.state.succeeded(tree.size)
            pause = PAUSE
        self._due = self._monotonic() + pause


def document(tree: Checkpoint) -> dict[str, str | int]:
    """What is posted."""
    return {"kind": "grown", "origin": tree.origin, "size": tree.size, "root": b64(tree.root)}
