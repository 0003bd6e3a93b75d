# SPDX-License-Identifier: EUPL-1.2
"""Whether DATA has all that this machine showed until just now (docs/spec/recovery.md)."""

from __future__ import annotations

from typing import Final

from lakzegel_server.chores import Chores
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.continuity import EVERY, Continuity, boot_id
from lakzegel_server.settings import runtime_folder
from lakzegel_server.stores import names

CHORE: Final = "continuity"


class StillHere:
    """Says again and again what this receiver shows, where the machine has a folder for that."""

    def __init__(self, layout: Layout, log: LogState) -> None:
        self._layout = layout
        self._log = log
        folder = runtime_folder()
        self._continuity = Continuity(folder, boot=boot_id()) if folder else None

    def begin(self, chores: Chores) -> None:
        """Say so from now on."""
        if self._continuity is not None:
            self._log.before_shown(self._continuity.note)
            chores.add(CHORE, EVERY, self._work)

    def is_continuous(self) -> bool:
        """Whether nobody has to be asked: what was shown last is in DATA."""
        if self._layout.stores.documents.exists(names.RESTORED):
            return False
        shown = self._continuity.newest() if self._continuity else None
        here = self._log.edge().size
        if shown is None or shown.origin != self._log.origin or shown.size > here:
            return False
        return self._log.stated <= here and self._log.root(shown.size) == shown.root

    def note(self) -> None:
        """Say what is shown now."""
        if self._continuity is not None:
            self._continuity.note(self._log.shown.checkpoint)

    def forget(self) -> None:
        """Let the next start ask."""
        if self._continuity is not None:
            self._continuity.forget()

    def _work(self) -> None:
        if self._log.standing.sealing:
            with self._log.turn():
                self.note()
