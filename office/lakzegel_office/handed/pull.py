# SPDX-License-Identifier: EUPL-1.2
"""One pull from a folder: as from a receiver, then what was taken is removed (handover.md §2)."""

from lakzegel_office.handed.receiver import FolderReceiver
from lakzegel_office.pull import Puller, PullReport


class FolderPuller:
    """Pulls from one folder; the office's steps are the puller's."""

    def __init__(self, puller: Puller, receiver: FolderReceiver, *, keep: bool) -> None:
        """Keep the parties; with ``keep`` nothing is removed."""
        self._puller = puller
        self._receiver = receiver
        self._keep = keep

    def run(self) -> PullReport:
        """Carry out one pull; raises as the puller does."""
        with self._receiver.opened():
            report = self._puller.run()
            report.doubts += self._receiver.doubts()
            report.doubts += self._receiver.acknowledge(self._puller.replay, keep=self._keep)
        return report
