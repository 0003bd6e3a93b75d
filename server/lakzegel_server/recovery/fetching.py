# SPDX-License-Identifier: EUPL-1.2
"""The chore that fetches what the log names and DATA lacks (docs/spec/recovery.md)."""

from __future__ import annotations

import logging
from typing import Final

from lakzegel_server.chores import Chore, Chores
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.files import Files
from lakzegel_server.recovery.sources import Office
from lakzegel_server.settings_peers import Office as Place

EVERY: Final = 3600.0  # seconds
CHORE: Final = "recovered-files"
_log: Final = logging.getLogger(__name__)


class Fetching:
    """What is lacking, and whether it is time to ask for it."""

    def __init__(self, log: LogState, files: Files, place: Place | None) -> None:
        self.since = log.edge().size  # of which entry on files may be lacking
        self.due = True  # which were lacking at the last start is not remembered
        self.lacking = 0  # files that the office lacks too
        self._log = log
        self._files = files
        self._place = place
        self._chore: Chore | None = None

    def add_chore(self, chores: Chores) -> None:
        """Do it from now on, once it is known what the log is."""
        self._chore = chores.add(CHORE, EVERY, self.work, alone=CHORE)

    def wake(self) -> None:
        """Do it as soon as it can be."""
        if self._chore is not None:
            self._chore.wake()

    def work(self) -> None:
        """Fetch what is lacking, where that is due."""
        if not self.due or self._place is None or not self._log.standing.sealing:
            return
        self.due = False  # before, for meanwhile the log may have to catch up again
        again = True
        try:
            with Office.open(self._place, self._log.keys) as office:
                lacking = self._files.fetch(office, self.since, self._is_stopping)
            self.lacking = lacking
            again = lacking > 0 or self._is_stopping()
        finally:
            self.due = self.due or again
        if lacking:
            _log.warning("%d files are lacking that the office does not have", lacking)

    def _is_stopping(self) -> bool:
        return self._chore is not None and self._chore.stopping
