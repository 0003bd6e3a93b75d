# SPDX-License-Identifier: EUPL-1.2
"""What several commands share. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol

from lakzegel_agent.platforms import system

Run = Callable[[argparse.Namespace], int]
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_HANG_UP: int | None = getattr(signal, "SIGHUP", None)  # Windows has none


def _(text: str) -> str:
    """A text in the language of whoever runs this; the catalogue is read at the first one."""
    from lakzegel_agent.words import words  # noqa: PLC0415 - a daemon does without

    return words().one(text)


def said(text: str) -> str:
    """Likewise of a text that was made elsewhere, and is English where it is kept."""
    from lakzegel_agent.words import words  # noqa: PLC0415 - see above

    return words().said(text)


class Grammar(argparse.ArgumentParser):
    """A parser whose help and errors are looked up when they are shown, and not before."""

    def error(self, message: str) -> NoReturn:
        """End with how it is used, and what is wrong."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {_('error')}: {said(message)}\n")


class InLanguage(argparse.RawDescriptionHelpFormatter):
    """Every text of a help, looked up."""

    def start_section(self, heading: str | None) -> None:
        """Begin a section."""
        super().start_section(heading and _(heading))

    def add_text(self, text: str | None) -> None:
        """Add a description, which becomes a sentence, or what comes after everything."""
        shown = text and _(text)
        if shown and not shown.rstrip().endswith(".") and "\n" not in shown:
            shown = f"{shown[0].upper()}{shown[1:]}."
        super().add_text(shown)

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Any,  # noqa: ANN401 - argparse's own, private type
        prefix: str | None = None,
    ) -> None:
        """Add how it is used."""
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help and _(action.help)


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
        description=text,
        epilog=more,
        formatter_class=InLanguage,
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
    system.never_wait(writing)
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
