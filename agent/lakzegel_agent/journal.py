# SPDX-License-Identifier: EUPL-1.2
"""The agent's log: who did what to what, with which result, where from and when; no names.

    {"action":"receipt","actor":"receiver","batch":12,"epoch":0,"object":"batch", …}

Words come from lists, the rest are numbers and ids, so that no text can get into it. Nothing is
written before ``open_log``. docs/spec/health.md §3
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Literal

from lakzegel_agent.platforms import system
from lakzegel_core.encoding import format_time

Action = Literal[
    "start",
    "stop",
    "enrol",
    "keys-replaced",
    "policy-applied",
    "policy-refused",
    "batch-sealed",
    "receipt",
    "problem-raised",
    "problem-cleared",
    "read-out",
    "refusal",
    "configuration-changed",
    "explain",
    "pause",
    "end",
]
Object = Literal["agent", "device", "policy", "batch", "problem", "phone", "configuration"]
Actor = Literal["agent", "receiver", "office", "user", "system"]
Result = Literal["ok", "refused", "failed"]
Number = Literal["batch", "batches", "bytes", "count", "epoch", "exit", "index", "serial", "uid"]

NAME: Final = "agent.log"
SIZE: Final = 2**20  # bytes of one file
COUNT: Final = 5  # files besides the one that is written
_CODE: Final = re.compile(r"[a-z0-9-]{1,40}")
_FILE: Final = 0o600
_LOGGER: Final = logging.getLogger("lakzegel.journal")
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.propagate = False
_LOGGER.setLevel(logging.INFO)


def note(
    action: Action,
    what: Object,
    *,
    result: Result = "ok",
    actor: Actor = "agent",
    code: str = "",
    id_: str = "",
    numbers: dict[Number, int] | None = None,
) -> None:
    """Log one thing that happened; ``code`` and ``id_`` are a problem's."""
    line: dict[str, str | int] = {"action": action, "actor": actor, "object": what}
    line |= {"result": result, "time": format_time(datetime.now(UTC).replace(microsecond=0))}
    line |= {key: value for key, value in (("code", code), ("id", id_)) if _CODE.fullmatch(value)}
    for name, number in (numbers or {}).items():
        line[name] = int(number)
    _LOGGER.info("", extra={"line": line})


@contextmanager
def open_log(folder: Path | None, *, origin: str = "-", to_stderr: bool = False) -> Iterator[None]:
    """Have what is noted written to a folder's rotating file, to stderr, or both.

    A log that cannot be written stops nothing.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if to_stderr else []
    if folder is not None:
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            handlers.append(_File(folder / NAME, maxBytes=SIZE, backupCount=COUNT))
        except OSError:
            pass
    for handler in handlers:
        handler.setFormatter(_Lines(origin))
        _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            _LOGGER.removeHandler(handler)
            handler.close()


@contextmanager
def append_to(folder: Path, *, origin: str = "-") -> Iterator[None]:
    """The same for a command beside a working agent, which alone renames the files."""
    try:
        handler = _File(folder / NAME, maxBytes=0)
    except OSError:
        yield
        return
    handler.setFormatter(_Lines(origin))
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        handler.close()


class _Lines(logging.Formatter):
    """A line of JSON for each record."""

    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, str | int] = getattr(record, "line", {})
        return json.dumps({**line, "origin": self._origin}, sort_keys=True, separators=(",", ":"))


class _File(RotatingFileHandler):
    """A file that only its owner can read, and whose failures are nobody's problem."""

    def _open(self) -> io.TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = system.open_to_write(self.baseFilename, flags, _FILE)
        return io.TextIOWrapper(io.FileIO(descriptor, "a"), encoding="utf-8", newline="\n")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Pass over a full disk: the agent has better things to say about it."""
        del record
