# SPDX-License-Identifier: EUPL-1.2
"""`review` at work: the desk opened, the address printed, until somebody ends it."""

from __future__ import annotations

import html
import logging
import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import catalog_of, trail_of
from lakzegel_office.config import read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.review.app import App
from lakzegel_office.review.book import Book
from lakzegel_office.review.desk import Clock, Desk, utc
from lakzegel_office.review.listing import Listing
from lakzegel_office.review.peers import is_own
from lakzegel_office.review.proposals import Proposals
from lakzegel_office.review.sessions import Sessions
from lakzegel_office.review.window import read_settings
from lakzegel_office.review.worklist import Worklist
from lakzegel_office.witness import listening

DOOR: Final = "review-login.html"  # below state/, for this user's eyes alone
_LOOPBACK: Final = ("127.", "[::1]")


@contextmanager
def desk_of(
    office: Office, *, progress: Callable[[str], None] | None = None, clock: Clock = utc
) -> Iterator[Desk]:
    """Open an office's collection for review.

    Raises:
        UsageError: `review.toml` cannot be used, or there is no mirror yet.
        DoubtError: the journal or the log is damaged.
    """
    settings = read_settings(office.home.root)
    book = Book.open(office.home, office.journal_key)
    collection, _ = open_collection(office, progress=progress)
    with collection:
        worklist = Worklist(collection.db, book, settings)
        proposals = Proposals(collection.db, settings, partial(catalog_of, office))
        listing = Listing(collection.db)
        actor = office.actor.name
        trail = trail_of(office)
        here = StillHere(office)
        yield Desk(
            collection, book, worklist, listing, proposals, settings, trail, actor, clock, here
        )


class StillHere:
    """Whether who logged in works here still; `office.toml` is read when it changed."""

    def __init__(self, office: Office) -> None:
        """Keep who it is, and the office's home."""
        self._staff = office.staff
        self._path = office.home.config
        self._read: tuple[int, int] | None = None

    def __call__(self) -> None:
        """Return when he does.

        Raises:
            UsageError: he was removed.
        """
        if self._staff is None:
            return
        now = self._path.stat()
        if (now.st_ino, now.st_mtime_ns) != self._read:
            read_config(self._path).people.get(self._staff.person.name)
            self._read = (now.st_ino, now.st_mtime_ns)


def serve(office: Office, listen: str, language: str, *, browser: bool) -> None:
    """Answer until told to stop.

    Raises:
        UsageError: the address is not one of this machine alone, or cannot be had.
    """
    if not listen.startswith(_LOOPBACK):
        raise UsageError(f"--listen {listen}: the review is on this machine alone; 127.0.0.1:0")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    endpoint = listening.Endpoint.parse(listen, cert=None, key=None)
    sessions = Sessions(time.monotonic, language)
    with (
        ThreadPoolExecutor(1) as thread,
        desk_of(office, progress=_say) as desk,
        endpoint.bind() as bound,
    ):
        stop = _Stop()
        app = App(desk, sessions, thread).build(stop, is_own)
        door = office.home.state / DOOR
        ready = partial(_tell, endpoint.url(bound), sessions, door if browser else None)
        server = stop.server = listening.make_server(app, endpoint, ready)
        listening.quiet_signals()
        server.run(sockets=[bound])
        door.unlink(missing_ok=True)


class _Stop:
    """Ends the server that it was given."""

    server: uvicorn.Server | None = None

    def __call__(self) -> None:
        """Have it finish what is under way, and end."""
        if self.server is not None:
            self.server.should_exit = True


def _tell(url: str, sessions: Sessions, door: Path | None) -> None:
    """Print the address, and have a browser open it: by a file, for command lines are no secret."""
    address = f"{url}/login?token={sessions.new_token()}"
    print(f"review at {address}", flush=True)  # noqa: T201 - what the command is for
    if door is None:
        return
    door.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(door, flags, 0o600), "w") as file:
        shown = html.escape(address)
        file.write(
            f'<!doctype html><meta charset="utf-8"><title>Lakzegel</title>'
            f'<meta http-equiv="refresh" content="0;url={shown}"><a href="{shown}">Lakzegel</a>\n'
        )
    webbrowser.open(door.resolve().as_uri())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress
