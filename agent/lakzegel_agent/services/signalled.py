# SPDX-License-Identifier: EUPL-1.2
"""Managers that send signals: systemd, launchd, and whoever sits at a terminal."""

from __future__ import annotations

import threading

from lakzegel_agent.commands.common import stopping
from lakzegel_agent.notify import Quiet
from lakzegel_agent.services.base import Life, Work
from lakzegel_agent.services.warden import warded
from lakzegel_agent.settingsconfig import is_launchd
from lakzegel_agent.wake import Wake


class Signalled:
    """SIGTERM or Ctrl-C ends, SIGHUP has it look at everything.

    systemd has a watchdog of its own, which `notify.py` feeds; launchd has none.
    """

    def serve(self, work: Work) -> int:
        """Return how the work ended."""
        stop = threading.Event()
        wake = Wake(stop)
        with stopping(stop, again=wake.all):
            if not is_launchd():
                return work(Life(stop, wake))
            with warded(Quiet()) as pulse:
                return work(Life(stop, wake, pulse))
