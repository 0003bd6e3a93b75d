# SPDX-License-Identifier: EUPL-1.2
"""Takes away batches that never reached the log (docs/spec/storage.md §5).

What the last run noted as under way is looked at before anything is sealed, and nothing else. Only
where nobody noted it every name is, while batches come in and are sealed: of ten million that takes
minutes, and no start waits for it.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator
from typing import Final

from lakzegel_server.chores import Chore, Chores
from lakzegel_server.housekeeping import is_id
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.register import Register
from lakzegel_server.stores import names
from lakzegel_server.unsealed import Unsealed

CHORE: Final = "unsealed"
EVERY: Final = 60.0  # seconds; nothing to do nearly always
AT_ONCE: Final = 256  # names
PAUSE: Final = 0.005  # seconds after those, for who waits for the interpreter
_log: Final = logging.getLogger(__name__)


class Sweeping:
    """What one receiver does about that."""

    def __init__(
        self, layout: Layout, log: LogState, register: Register, unsealed: Unsealed
    ) -> None:
        self._layout = layout
        self._log = log
        self._register = register
        self._unsealed = unsealed
        self._has_begun = False
        self._chore: Chore | None = None

    def add_chore(self, chores: Chores) -> None:
        """Look at every name, where that has to be, once it is known to be the newest log."""
        self._chore = chores.add(CHORE, EVERY, self.look_at_all)

    def before_sealing(self) -> None:
        """Take away what the last run noted and never sealed.

        Only of what is known to be the newest log: one that was set back has files of entries that
        it does not know yet.
        """
        if self._has_begun:
            return
        count = sum(map(self._take_away, self._unsealed.left))
        self._has_begun = True
        if self._chore is not None:
            self._chore.wake()
        _say(count)

    def look_at_all(self) -> None:
        """Where it is unknown what may lie here unsealed, look at every name.

        Where others share the index nothing is taken away: what it does not know yet another
        receiver may be about to seal (docs/spec/stores.md §7). Nor in a store apart from DATA: what
        lies there is the same when the device sends it again.
        """
        if self._layout.shared or self._unsealed.is_known or not self._may_go_on():
            return
        count, looked = 0, itertools.count(1)
        for name in self._names():
            if next(looked) % AT_ONCE == 0:
                time.sleep(PAUSE)
            if not self._may_go_on():
                return
            if self._register.index_of(bytes.fromhex(name)) is None:
                count += self._take_away(name)
        self._unsealed.keep()
        _say(count)

    def _may_go_on(self) -> bool:
        is_ending = self._chore is not None and self._chore.stopping
        return self._has_begun and self._log.standing.sealing and not is_ending

    def _names(self) -> Iterator[str]:
        """The name of every batch and of every keyring below DATA."""
        stores = self._layout.stores
        below = (
            (stores.objects, names.BATCHES, stores.objects_apart),
            (stores.keyrings, names.KEYRINGS, stores.keyrings_apart),
        )
        for store, prefix, is_apart in below:
            for place in () if is_apart else store.names(prefix):
                name = place.removeprefix(prefix).partition(".")[0]
                if is_id(name):
                    yield name

    def _take_away(self, name: str) -> bool:
        """Whether something was here that no entry is of, and that nobody was sending."""
        stores = self._layout.stores
        with self._unsealed.looking_at(name) as is_free:
            if not is_free:
                return False
            if self._register.index_of(bytes.fromhex(name)) is not None:
                self._unsealed.forget([name])
                return False
            places = (stores.objects, names.batch(name)), (stores.keyrings, names.keyring(name))
            found = [(store, place) for store, place in places if store.size(place) is not None]
            for store, place in found:
                store.remove(place)
            self._unsealed.forget([name])
        return bool(found)


def _say(count: int) -> None:
    if count:
        _log.info("took away %d batches that were never sealed", count)
