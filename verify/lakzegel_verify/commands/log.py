# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-verify log URL --keys FILE`: does this log only grow.

0 it does; 1 it does not, and what is wrong; 2 usage, or a file is unusable; 3 it cannot be asked.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from lakzegel_core.encoding import b64, format_time
from lakzegel_core.errors import LakzegelError
from lakzegel_verify.commands import common
from lakzegel_verify.commands.common import ALARM, FINE, UNREACHABLE, UNUSABLE, Keys
from lakzegel_verify.fetching import Fetcher, UnreachableError
from lakzegel_verify.following import AlarmError, Seen, look
from lakzegel_verify.remembering import keep_evidence, read_seen, write_seen


def is_meant(argv: Sequence[str]) -> bool:
    """Whether a command line is this one's, and not about a proof that is called ``log``."""
    return common.is_meant(argv, "log")


def run(argv: Sequence[str]) -> int:
    """Follow a log; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        keys = common.read_keys(arguments.keys)
        monitor = _Monitor(arguments, keys)
    except (OSError, UnicodeDecodeError, ValueError, LakzegelError) as error:
        return common.say(f"{error}", UNUSABLE)
    if arguments.follow is None:
        return monitor.once()
    return monitor.follow(arguments.follow)


class _Monitor:
    """Looks at one log, and tells what it saw."""

    def __init__(self, arguments: argparse.Namespace, keys: Keys) -> None:
        self._keys, self._witnesses = keys
        self._fetcher = Fetcher(f"{common.address(arguments.url)}/log", arguments.ca_file)
        self._path: Path | None = arguments.state
        self._json: bool = arguments.json
        try:
            self._seen = read_seen(self._path, self._keys) if self._path else None
        except LakzegelError as error:
            raise ValueError(f"{self._path}: {error}; look before you remove it") from error

    def once(self) -> int:
        """One look."""
        before = self._seen
        try:
            seen = look(self._fetcher.get, self._keys, before, witnesses=self._witnesses)
        except AlarmError as alarm:
            return self._alarm(alarm)
        except UnreachableError as error:
            self._tell({"status": "unreachable", "detail": str(error)}, "")
            return common.say(str(error), UNREACHABLE)
        try:
            if self._path and (before is None or seen.signed.data != before.signed.data):
                write_seen(self._path, seen)
        except OSError as error:
            return common.say(f"{self._path}: {error.strerror}; nothing is remembered", UNUSABLE)
        self._seen = seen
        self._fine(seen, before)
        return FINE

    def follow(self, seconds: float) -> int:
        """Look again and again until an alarm, or a signal asks to stop."""
        stop = threading.Event()

        def ask(_number: int, _frame: FrameType | None) -> None:
            if stop.is_set():  # asked before, and the log does not answer
                raise KeyboardInterrupt
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask)
        while not stop.is_set():
            code = self.once()
            if code in {ALARM, UNUSABLE}:
                return code
            stop.wait(seconds)
        return FINE

    def _fine(self, seen: Seen, before: Seen | None) -> None:
        tree, at = seen.tree, format_time(datetime.fromtimestamp(seen.signed.signed_at, UTC))
        cosigners = [one.key.name for one in seen.signed.cosignatures]
        grown = tree.size - (before.tree.size if before else 0)
        self._tell(
            {
                "status": "fine",
                "origin": tree.origin,
                "size": tree.size,
                "root": b64(tree.root),
                "signed_at": at,
                "grown": grown,
                "first": before is None,
                "cosigners": cosigners,
            },
            f"{tree.origin}: {tree.size} entries, signed {at}, "
            f"{grown} new{'' if before else ' (seen for the first time)'}; "
            f"cosigned by {', '.join(cosigners) or 'nobody that the keys name'}",
        )

    def _alarm(self, alarm: AlarmError) -> int:
        where = ""
        if self._path:
            try:
                where = f"; kept in {keep_evidence(self._path, alarm.evidence)}"
            except OSError as error:
                where = f"; NOT kept: {error.strerror}"
        evidence = [b64(data) for data in alarm.evidence] if not self._path else []
        found: dict[str, object] = {
            "status": alarm.kind,
            "detail": str(alarm),
            "evidence": evidence,
        }
        self._tell(found, "")
        return common.say(f"{alarm.kind.upper()}: {alarm}{where}", ALARM)

    def _tell(self, found: dict[str, object], line: str) -> None:
        text = json.dumps(found, sort_keys=True) if self._json else line
        if text:
            print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakzegel-verify log",
        description="Follows a log and says whether it only grows.",
        epilog="exit: 0 it only grew, 1 it did not, 2 usage or an unusable file, 3 no answer",
    )
    parser.add_argument("command", choices=["log"], help=argparse.SUPPRESS)
    parser.add_argument("url", metavar="URL", help="where the log is served, https://…")
    parser.add_argument(
        "--keys",
        type=Path,
        required=True,
        metavar="FILE",
        help="the log's keys: log.keys, or a judge's key file, whose witnesses are checked too",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="what was seen, remembered from one time to the next; evidence is kept beside it",
    )
    parser.add_argument("--follow", type=_seconds, metavar="SECONDS", help="look again and again")
    parser.add_argument("--ca-file", type=Path, metavar="F", help="trust this authority for TLS")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each look")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds
