# SPDX-License-Identifier: EUPL-1.2
"""Who may change one process's view of the log, and who may look at it (docs/spec/stores.md §3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lakzegel_server.index.turns import Lease, Turns

PATIENCE: Final = 2.0  # seconds that whoever reads waits for a signature that is being made


class LogTurn:
    """Four locks, always taken in this order, and the only place where they are taken.

    1. ``_queue``: this process's threads that want the next one, so that one of them asks for it.
    2. ``_turns``: the turn among all processes that share the index (`index/turns.py`).
    3. ``_turn``: among this process's threads, who changes the view. Not let go of while signing.
    4. ``_guard``: over the view and the index's connection. Let go of while signing.

    None may be taken twice by one thread: `signing` lets go of the guard once.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._queue = threading.Lock()
        self._turn = threading.Lock()
        self._guard = threading.Condition()
        self._is_signing = False  # others look meanwhile, and what is committed is not shown yet

    @property
    def is_signing(self) -> bool:
        """Whether a signature is being made; for who holds no lock, as it was a moment ago."""
        return self._is_signing

    @contextmanager
    def among_all(self) -> Iterator[None]:
        """All four: change what is committed and the view of it.

        Whoever only reads goes on while another process has its turn.
        """
        with self._queue, self._turns.turn(), self._turn, self._guard:
            yield

    @contextmanager
    def among_threads(self) -> Iterator[None]:
        """``_turn`` and ``_guard``: change the view, and nothing that other processes see.

        Threads that wait for another process's turn keep nobody from this.
        """
        with self._turn, self._guard:
            yield

    @contextmanager
    def looking(self) -> Iterator[None]:
        """``_guard``: nothing of the view changes meanwhile."""
        with self._guard:
            yield

    @contextmanager
    def looking_when_signed(self) -> Iterator[None]:
        """``_guard``, after a signature that is being made; but waits no longer than `PATIENCE`."""
        with self._guard:
            self._guard.wait_for(lambda: not self._is_signing, timeout=PATIENCE)
            yield

    @contextmanager
    def signing(self) -> Iterator[None]:
        """Without ``_guard``, by who has it and ``_turn``: a token may take long, others look.

        ``_turn`` keeps all who change.
        """
        self._is_signing = True
        self._guard.release()
        try:
            yield
        finally:
            self._guard.acquire()
            self._is_signing = False
            self._guard.notify_all()

    def lease(self, name: str) -> Lease:
        """The right to do what one of all who share the index does; needs no lock."""
        return self._turns.lease(name)

    def close(self) -> None:
        """Let go of what is held between turns; needs no lock."""
        self._turns.close()
