# SPDX-License-Identifier: EUPL-1.2
"""What several commands share. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

Run = Callable[[argparse.Namespace], int]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_HANG_UP: int | None = getattr(signal, "SIGHUP", None)  # Windows has none


class Commands(Protocol):
    """What a command's module adds itself to."""

    def add_parser(
        self,
        name: str,
        **kwargs: Any,  # noqa: ANN401 - argparse's own signature
    ) -> argparse.ArgumentParser:
        """Return the parser of a new command."""
        ...


def command(
    commands: Commands, name: str, run: Run, *, text: str, more: str
) -> argparse.ArgumentParser:
    """The parser of a command: ``text`` in one line, ``more`` teaches."""
    parser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="agent.toml, as MDM delivers it"
    )
    parser.set_defaults(run=run)
    return parser


def say(text: str) -> None:
    """One line where results do not go."""
    print(_printable(text), file=sys.stderr, flush=True)


def answer(value: object) -> None:
    """A result for a program."""
    print(json.dumps(value, indent=2, sort_keys=True))


@contextmanager
def stopping(
    stop: threading.Event | None = None, *, again: Callable[[], None] | None = None
) -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set; a second one ends this process at once.

    ``again`` is called at SIGHUP, where the system has it, in a thread of its own.

    The signal only writes to a pipe; a thread sets the event. A handler that took a lock could
    wait for the very thread that it interrupted.
    """
    stop = threading.Event() if stop is None else stop
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    heard = _SIGNALS if again is None or _HANG_UP is None else (*_SIGNALS, _HANG_UP)
    before = [(number, signal.signal(number, _ignore)) for number in heard]
    old = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    thread = threading.Thread(
        target=_await, args=(reading, stop, again), name="signals", daemon=True
    )
    thread.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before:
            signal.signal(number, handler)
        os.close(writing)
        thread.join()
        os.close(reading)


def _await(reading: int, stop: threading.Event, again: Callable[[], None] | None) -> None:
    count = 0
    while data := os.read(reading, 16):
        if again is not None and _HANG_UP is not None and _HANG_UP in data:
            again()
        count += sum(1 for number in data if number in _SIGNALS)
        if count > 1:
            os._exit(128 + data[-1])
        if count:
            stop.set()


def _ignore(number: int, frame: FrameType | None) -> None:
    del number, frame


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
