# SPDX-License-Identifier: EUPL-1.2
"""Linux's queue of events, one for all folders, with what watchdog keeps to itself about it.

The kernel says two things that a hint depends on and that watchdog does not pass on: that its
queue was full and events were dropped (inotify(7), IN_Q_OVERFLOW), and that a folder got no watch
because the user has no more (ENOSPC). Both are told here. What watchdog does after an overflow is
left out: it removes and sets every watch again, and the removals alone, one event each, fill the
queue of a large tree once more. The whole watcher is made anew instead.

tests/agent/watch/test_queue.py fails when watchdog stops calling these methods.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

logging.getLogger("watchdog").addHandler(logging.NullHandler())
logging.getLogger("watchdog").propagate = False  # it names paths of watched folders


class Queue(InotifyFD):
    """One inotify instance."""

    def __init__(self, *, refused: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        """Open it.

        Args:
            refused: called with the path of a folder for which there is no watch left.
            lost: called when events were dropped, in the thread that reads.

        Raises:
            OSError: the user has no more instances.
        """
        super().__init__()
        self._refused = refused
        self._lost = lost

    def add_callback(
        self, path: bytes, mask: Mask, callback: WatchCallback, id_: CallbackId
    ) -> WatchDescriptor:
        """Return the watch of a folder.

        Raises:
            OSError: it cannot be watched; watchdog lets that pass below a root.
        """
        try:
            found = super().add_callback(path, mask, callback, id_)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                self._refused(path)
            raise
        if found < 0:  # may not be read: watchdog takes the kernel's -1 for a watch
            self.remove_callbacks([(found, id_)])
            raise PermissionError(errno.EACCES, "inotify: a folder that may not be read")
        return found

    def handle_event(self, event: InotifyEvent) -> None:
        """Pass an event on, or say that some were lost."""
        if event.mask & InotifyConstants.IN_Q_OVERFLOW:
            self._lost()
        else:
            super().handle_event(event)


class QueueObserver(BaseObserver):
    """watchdog's observer over one queue of ours."""

    def __init__(self, *, refused: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.queue = Queue(refused=refused, lost=lost)
        super().__init__(InotifyEmitter, inotify_fd=self.queue)
        self.queue.start()

    def on_thread_stop(self) -> None:
        """End the queue first: the kernel then takes back all watches without an event each."""
        self.queue.stop()
        self.queue.join()
        super().on_thread_stop()
