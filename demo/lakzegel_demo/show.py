# SPDX-License-Identifier: EUPL-1.2
"""The demo from its arguments to its last line: the composition root."""

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_demo.device import write_device
from lakzegel_demo.errors import StoppedError, UsageError
from lakzegel_demo.journey import Journey, Say
from lakzegel_demo.places import Places
from lakzegel_demo.process import Children
from lakzegel_demo.sources import WatchedFolder, distinct, watched
from lakzegel_demo.stopping import Stopper
from lakzegel_demo.summary import Shown

LAST: Final = "VERIFIED"
LOOK: Final = 0.5  # seconds between two looks at whether a kept process ended


@dataclass(frozen=True, slots=True)
class Order:
    """What the command line asked for."""

    watch: tuple[str, ...]
    out: Path | None
    keep: bool
    json: bool


def show(order: Order) -> None:
    """Go the whole path, print what was shown, and end in VERIFIED.

    Raises:
        DemoError: it did not come to that.
    """
    given = watched(order.watch)
    say = _progress()
    stopper = Stopper()
    with stopper.listening(), _out(order, say) as places:
        _refuse_inside(given, places)
        sources = given or distinct(write_device(places.device))
        with Children(places.logs, stopper) as children:
            journey = Journey(places, sources, children, say)
            shown = journey.travel()
            if order.keep:
                _keep_up(journey)
            places.summary.write_text(shown.summary.to_json())
            _tell(order, places, shown)
            if order.keep:
                _wait(children, say)


@contextmanager
def _out(order: Order, say: Say) -> Iterator[Places]:
    """Give OUT; a temporary one is removed afterwards unless it is to be kept."""
    if order.out is not None:
        yield Places.begin(order.out)
        return
    folder = Path(tempfile.mkdtemp(prefix="lakzegel-demo-"))
    say(f"everything lies below {folder}" + ("" if order.keep else ", removed at the end"))
    try:
        yield Places.begin(folder)
    finally:
        if not order.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_inside(sources: tuple[WatchedFolder, ...], places: Places) -> None:
    """Refuse an OUT that lies in a watched folder: it would be captured while it grows."""
    out = places.out.resolve()
    for source in sources:
        if out.is_relative_to(source.folder):
            raise UsageError(f"--out {places.out}: lies in {source.folder}, which is watched")


def _keep_up(journey: Journey) -> None:
    """Start what is to stay, and write whose process is which."""
    pids = {
        "server": journey.children.running["server"].pid,
        "agent": journey.agent.start(),
        "office": journey.office.follow(),
    }
    journey.places.pids.write_text(json.dumps(pids, indent=2) + "\n")


def _wait(children: Children, say: Say) -> None:
    """Stay until somebody asks to stop."""
    say("server, agent and office stay up; press Ctrl-C to end")
    try:
        while True:
            for name, code in children.ended().items():
                say(f"{name}: ended by itself with {code}; see {children.logs / name}.log")
            threading.Event().wait(LOOK)
    except StoppedError:
        say("ending server, agent and office")


def _tell(order: Order, places: Places, shown: Shown) -> None:
    kept = order.keep or order.out is not None
    if order.json:
        sys.stdout.write(shown.summary.to_json())
        for line in shown.lines(places.out, kept=kept):
            print(line, file=sys.stderr)
    else:
        for line in shown.lines(places.out, kept=kept):
            print(line)
    print(LAST, file=sys.stderr if order.json else sys.stdout)
    sys.stdout.flush()


def _progress() -> Say:
    """Return what prints a line with the time since the start on stderr."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", file=sys.stderr, flush=True)

    return say
