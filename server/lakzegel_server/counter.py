# SPDX-License-Identifier: EUPL-1.2
"""Notes that `publish` hands to the receiver that serves this DATA (docs/spec/recovery.md §2).

    → the note's exact bytes, then the end
    ← {"index":17}
    ← {"code":"unknown-key","detail":"…","refused":true}

The receiver that seals knows by itself that its log is the newest; a second process would have to
ask everybody again. A socket cannot outlive who listens on it, nor be brought back by a restore.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import enrolment
from lakzegel_core.errors import LakzegelError
from lakzegel_core.limits import MAX_NOTE
from lakzegel_server.errors import BusyError, MisplacedError, ServerError
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.register import Register
from lakzegel_server.sealable import note_kind, require_enrolment_seen
from lakzegel_server.sequencer import Sequencer, explain

PATIENCE: Final = 60.0  # seconds for an answer; sealing waits for a disk, perhaps for a token
QUIET: Final = 5.0  # seconds in which who connected must have said it all
MAX_ANSWER: Final = 65_536  # bytes
_LONGEST: Final = 100  # bytes of a socket's path that every system takes
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the running receiver said."""

    index: int | None
    code: str = ""
    detail: str = ""
    refused: bool = False  # the note is wrong, not the moment


class Counter:
    """Where the running receiver takes notes in."""

    def __init__(
        self, layout: Layout, log: LogState, sequencer: Sequencer, register: Register
    ) -> None:
        self._path = layout.handing
        self._log = log
        self._sequencer = sequencer
        self._register = register
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._work, name="counter", daemon=True)

    def start(self) -> None:
        """Listen; where that cannot be, `publish` asks for itself as without a receiver."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._path.unlink(missing_ok=True)
            with _reachable(self._path) as name:
                listening.bind(name)
            self._path.chmod(0o600)
            listening.listen()
        except OSError as error:
            listening.close()
            _log.warning("notes cannot be handed over here: %s", error.strerror)
            return
        self._socket = listening
        self._thread.start()

    def stop(self) -> None:
        """Take nothing in any more; what was taken in is answered."""
        if self._socket is None:
            return
        self._path.unlink(missing_ok=True)
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _work(self) -> None:
        assert self._socket is not None  # noqa: S101 - started after it was made
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # shut down
            with connection:
                try:
                    self._serve(connection)
                except OSError as error:
                    _log.info("a note was handed over half: %s", error.strerror or "slow")

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(QUIET)
        data = _read(connection, MAX_NOTE + 1)
        try:
            found: dict[str, object] = {"index": self._publish(data)}
        except Exception as error:  # noqa: BLE001 - whatever it is, the next note must be heard
            found = _told(explain(error))
        connection.sendall(json.dumps(found).encode())

    def _publish(self, data: bytes) -> int:
        self._log.standing.require_sealing()
        self._log.refresh()
        if note_kind(data) == enrolment.KIND and not self._is_known(data):
            require_enrolment_seen(self._log, data)
        return self._sequencer.submit(data).result()

    def _is_known(self, data: bytes) -> bool:
        return self._register.index_of(hashlib.sha256(data).digest()) is not None


def hand_over(layout: Layout, data: bytes) -> Answer | None:
    """What the running receiver says to a note; None when none runs that can be told.

    Raises:
        BusyError: it took the note and did not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(PATIENCE)
        try:
            with _reachable(layout.handing) as name:
                line.connect(name)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        try:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            found = json.loads(_read(line, MAX_ANSWER))
            return Answer(found.pop("index", None), **found)
        except (OSError, ValueError, TypeError):
            raise BusyError(
                "the running receiver did not answer; publish the same note again: once in the"
                " log, it has the same index"
            ) from None


def _told(error: Exception) -> dict[str, object]:
    refused = isinstance(error, LakzegelError | MisplacedError)
    if isinstance(error, LakzegelError | ServerError):
        return {"code": error.code, "detail": str(error), "refused": refused}
    _log.warning("a note could not be taken: %s", type(error).__name__)
    return {"code": "internal", "detail": type(error).__name__, "refused": False}


def _read(connection: socket.socket, limit: int) -> bytes:
    data = b""
    while len(data) < limit and (block := connection.recv(limit - len(data))):
        data += block
    return data


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """The name of a socket that a system call takes, however deep it lies."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
