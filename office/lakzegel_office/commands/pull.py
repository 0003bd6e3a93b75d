# SPDX-License-Identifier: EUPL-1.2
"""`pull`: bring in what the receiver sealed, prove it, open it, and state what is held."""

import argparse
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, Protocol

from lakzegel_core.errors import LakzegelError
from lakzegel_office import settings
from lakzegel_office.alarms.watching import Watching
from lakzegel_office.commands.common import Commands, Office, answer, as_now, command, say, unlock
from lakzegel_office.commands.evidence import identities
from lakzegel_office.doorbell import Doorbell
from lakzegel_office.errors import BusyError, OfficeError, UnreachableError, UsageError
from lakzegel_office.handed.pull import FolderPuller
from lakzegel_office.handed.receiver import FolderReceiver
from lakzegel_office.home import Home
from lakzegel_office.pull import Puller, PullReport
from lakzegel_office.transport import HttpReceiver, Receiver
from lakzegel_office.vault import ACCOUNT

EVERY: Final = 5.0  # seconds between two pulls of --follow where the receiver cannot be asked


class Pulls(Protocol):
    """What is pulled with."""

    def run(self) -> PullReport:
        """Carry out one pull."""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "pull", run, "mirror, verify and open what the receiver sealed")
    parser.add_argument("--server", metavar="URL", help="instead of office.toml's")
    parser.add_argument("--ca-file", type=Path, metavar="F", help="instead of office.toml's")
    parser.add_argument("--account-file", type=Path, metavar="F", help="holds the bearer token")
    parser.add_argument(
        "--from-folder",
        type=Path,
        metavar="DIR",
        help="take what a receiver handed over into a folder, and ask no network",
    )
    parser.add_argument(
        "--replies",
        type=Path,
        metavar="DIR",
        help="with --from-folder: where cosignatures and statements go (default HOME/replies)",
    )
    parser.add_argument(
        "--keep", action="store_true", help="with --from-folder: remove nothing that was taken"
    )
    parser.add_argument("--follow", action="store_true", help="when the log grew, until stopped")
    parser.add_argument(
        "--every",
        type=float,
        default=EVERY,
        metavar="SECONDS",
        help="between two where the receiver does not say that the log grew (default 5)",
    )
    text = "begin with the log's first entry and look for every file, whatever was remembered"
    parser.add_argument("--whole", action="store_true", help=text)
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Pull once, or until stopped; 1 where something did not fit."""
    if arguments.from_folder is None:
        if arguments.replies is not None or arguments.keep:
            raise UsageError("--replies and --keep are for --from-folder")
        return _from_server(arguments)
    if arguments.server is not None:
        raise UsageError("--server and --from-folder: give one of them")
    return _from_folder(arguments)


def _from_server(arguments: argparse.Namespace) -> int:
    office = unlock(arguments)
    opened = receiver_of(office, arguments)
    with _turn(office, arguments), opened() as receiver:
        puller = _puller(office, receiver, arguments)
        return _pull(office.home, puller, Doorbell(opened), arguments, Watching(office, puller))


def _from_folder(arguments: argparse.Namespace) -> int:
    office = unlock(arguments)
    replies = arguments.replies or office.home.replies
    with _turn(office, arguments):
        receiver = FolderReceiver(arguments.from_folder, office.home, office.config, replies)
        puller = _puller(office, receiver, arguments)
        taking = FolderPuller(puller, receiver, keep=arguments.keep)
        watching = Watching(office, puller)
        return _pull(office.home, taking, Doorbell(lambda: receiver), arguments, watching)


def _turn(office: Office, arguments: argparse.Namespace) -> AbstractContextManager[None]:
    """Hold the home for one pull; one that follows holds it for each, and gives way between."""
    return office.home.following() if arguments.follow else office.home.exclusive()


def receiver_of(office: Office, arguments: argparse.Namespace) -> Callable[[], HttpReceiver]:
    """Return what opens a connection to the office's receiver.

    Raises:
        UsageError: none was named, or its address may not carry a token.
    """
    server = arguments.server or office.config.server
    if server is None:
        raise UsageError("no receiver: give --server URL, or put server into office.toml")
    ca_file = arguments.ca_file or (Path(office.config.ca_file) if office.config.ca_file else None)
    token = _token(office, arguments.account_file)
    return partial(HttpReceiver.open, server, token=token, ca_file=ca_file)


def _puller(office: Office, receiver: Receiver, arguments: argparse.Namespace) -> Puller:
    return Puller(
        office.home,
        office.config,
        office.vault,
        receiver,
        lambda: [identity.to_text() for identity in identities(as_now(office))],
        _silent if arguments.quiet or arguments.json else say,
        whole=arguments.whole,
    )


def _pull(
    home: Home, puller: Pulls, bell: Doorbell, arguments: argparse.Namespace, watching: Watching
) -> int:
    if arguments.follow:
        following = _Following(home, puller, watching, as_json=arguments.json)
        return _follow(following, bell, arguments.every, watching)
    report = puller.run()
    watching.pulled(report)
    return _tell(report, as_json=arguments.json)


def _follow(following: "_Following", bell: Doorbell, every: float, watching: Watching) -> int:
    """Pull until a signal asks to stop; a pull under way is ended first, at once by a second."""
    told: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        del frame
        if told:
            raise KeyboardInterrupt
        told.append(number)
        bell.press()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    with watching.ticking():
        while not told:
            known = following.pull()
            if not told:
                bell.wait(known, every)
    return following.code


class _Following:
    """Pulls of one run, of which only what changed is told."""

    def __init__(self, home: Home, puller: Pulls, watching: Watching, *, as_json: bool) -> None:
        self._home = home
        self._puller = puller
        self._watching = watching
        self._as_json = as_json
        self._before: tuple[int, int, bool] | None = None
        self.code = 0

    def pull(self) -> int | None:
        """Return how many entries the log has; None when that did not come to be known."""
        try:
            with self._watching.lock, self._home.exclusive(0):
                report = self._puller.run()
        except BusyError:  # a hold, a destruction, a pull by hand: it has its turn first
            return None
        except UnreachableError as error:
            say(f"lakzegel-office: {error}; trying again")
            self._watching.failed(error)
            return None
        except (OfficeError, LakzegelError, OSError) as error:
            self.code = 1
            say(f"lakzegel-office: {error}; trying again")
            self._watching.failed(error)
            return None
        self._watching.pulled(report)
        now = (report.size, report.held, report.clean)
        if now != self._before or report.doubts:
            self.code = max(self.code, _tell(report, as_json=self._as_json))
        self._before = now
        return report.size


def _token(office: Office, account_file: Path | None) -> str | None:
    if account_file is not None:
        return settings.secret_line(account_file, what="account's token")
    return office.vault.load(ACCOUNT).decode() if office.vault.has(ACCOUNT) else None


def _tell(report: PullReport, *, as_json: bool) -> int:
    if as_json:
        answer(
            {
                "size": report.size,
                "held": report.held,
                "batches": report.batches,
                "fetched": report.fetched,
                "opened": report.opened,
                "doubts": [doubt.to_json() for doubt in report.doubts],
            }
        )
    else:
        for doubt in report.doubts:
            say(str(doubt))
        print(
            f"log {report.size} entries, {report.batches} batches ({report.fetched} new), "
            f"{report.opened} items opened, held to {report.held}",
            flush=True,
        )
    return 0 if report.clean else 1


def _silent(text: str) -> None:
    del text
