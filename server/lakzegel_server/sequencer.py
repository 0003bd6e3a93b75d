# SPDX-License-Identifier: EUPL-1.2
"""Gathers entries that arrive together, so that they share one fsync and one checkpoint."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from lakzegel_server.errors import BusyError, FullError
from lakzegel_server.index.engine import FAILURES, is_full
from lakzegel_server.logstate import LogState

MAX_GROUP: Final = 256
TICK_SECONDS: Final = 0.25  # how soon an entry that another process published is noticed
_STOP: Final = object()
_log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    data: bytes
    done: Future[int] = field(default_factory=Future)


class Sequencer:
    """The one thread that writes the log in this process."""

    def __init__(self, log: LogState) -> None:
        self._state = log
        self._queue: queue.Queue[_Waiting | object] = queue.Queue()
        self._ended = threading.Event()
        self._trouble = ""  # what kept it from tidying the last time
        self._thread = threading.Thread(target=self._work, name="sequencer", daemon=True)

    def start(self) -> None:
        """Begin to work through what is submitted."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what was submitted."""
        self._queue.put(_STOP)
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, data: bytes) -> Future[int]:
        """The future index of an entry; it fails with the typed refusal."""
        waiting = _Waiting(data)
        self._queue.put(waiting)
        if self._ended.is_set():
            self._turn_away()
        return waiting.done

    def _work(self) -> None:
        stop = False
        try:
            while not stop:
                group, stop = self._collect()
                if group:
                    self._settle_group(group)
                elif not stop:
                    self._tidy()
        finally:
            self._ended.set()
            self._turn_away()

    def _turn_away(self) -> None:
        """Fail what came too late: nobody may wait for ever."""
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, _Waiting) and item.done.set_running_or_notify_cancel():
                item.done.set_exception(BusyError("the receiver is ending; try again"))

    def _collect(self) -> tuple[list[_Waiting], bool]:
        """Everything that waits now; nothing when nothing came for a while."""
        group: list[_Waiting] = []
        try:
            item = self._queue.get(timeout=TICK_SECONDS)
            while isinstance(item, _Waiting):
                group.append(item)
                if len(group) >= MAX_GROUP:
                    return group, False
                item = self._queue.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _settle_group(self, group: list[_Waiting]) -> None:
        """Settle every future of the group, whatever happens.

        One that was cancelled until now is not sealed; from here on none can be.
        """
        group = [waiting for waiting in group if waiting.done.set_running_or_notify_cancel()]
        try:
            outcomes = self._state.append([waiting.data for waiting in group])
        except BaseException as error:
            _log.warning("sequencing failed: %s", type(error).__name__)
            failure = explain(error) if isinstance(error, Exception) else BusyError("try again")
            for waiting in group:  # whatever it is, nobody may wait for ever
                waiting.done.set_exception(failure)
            if not isinstance(error, Exception):
                raise
            return
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Exception):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome)

    def _tidy(self) -> None:
        try:
            self._state.refresh()
            self._state.see_lines()
            self._state.settle()
            self._trouble = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, others wait for this thread
            if self._trouble != type(error).__name__:  # once: it is tried four times a second
                self._trouble = type(error).__name__
                _log.warning("the log could not be tidied: %s", self._trouble)


def explain(error: Exception) -> Exception:
    """The error as a client should hear it: no room, or not now."""
    if isinstance(error, FAILURES):
        if is_full(error):
            return FullError("no room for the log")
        return BusyError("the index is not available")
    return error
