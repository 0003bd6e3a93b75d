# SPDX-License-Identifier: EUPL-1.2
"""One source's places during a pass: which shares or disks are away, so that nothing is deleted.

docs/spec/sources.md §2.1
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from lakzegel_agent.roots import ROOT, Places, places_now
from lakzegel_agent.watchmounts import Mount, is_below


class Standing:
    """What is remembered of a root, and what a pass finds there."""

    def __init__(
        self,
        before: Places,
        mounts: Callable[[], tuple[Mount, ...]],
        clock: Callable[[], datetime],
    ) -> None:
        self._before = before
        self._mounts = mounts
        self._clock = clock
        self._now: dict[bytes, bytes] = {}
        self._away: list[bytes] = []
        self.is_judged = False

    def look(self, root: bytes) -> bool:
        """Look at what is mounted; whether it is as at the last look, before the scan."""
        before, self._now = self._now, places_now(root, self._mounts())
        return before == self._now

    def others(self) -> tuple[bytes, ...]:
        """Return the folders in which something else is mounted than when they were captured."""
        return self._before.others(self._now)

    def judge(self, lost: Iterable[bytes], met: Iterable[bytes]) -> Sequence[bytes]:
        """Return the folders of which nothing is known: what lay there is not what lies there.

        Args:
            lost: paths of captured files that the scan did not meet.
            met: paths of captured files that it met; only asked for where ``others`` has any.
        """
        lost, met, self._away, self.is_judged = list(lost), list(met), [], True
        for folder in self.others():
            is_gone = any(_is_in(path, folder) for path in lost)
            if not is_gone or any(_is_in(path, folder) for path in met):
                continue
            if not self._before.is_believed(folder, self._clock()):
                self._away.append(folder)
        return tuple(self._away)

    def is_away(self) -> bool:
        """Whether the root, or something mounted below it, is away."""
        return bool(self._away)

    def after(self) -> bytes:
        """Return what the ledger is to remember."""
        return self._before.after(self._now, self._away, self._clock()).pack()


def _is_in(path: bytes, folder: bytes) -> bool:
    return folder == ROOT or is_below(path, folder)
