# SPDX-License-Identifier: EUPL-1.2
"""Bringing tokens into the mirror; each is judged before it lies there."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.timenames import ANSWER_END, ROOTS, Name, place_of
from lakzegel_core.timetoken import pem
from lakzegel_office import durable
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, MissingError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay
from lakzegel_office.timestamps import Judge, limit_of, read_root
from lakzegel_office.transport import Receiver

OVERLAP: Final = 86_400  # seconds that are looked at again: authorities' clocks, and slow ones
MAX_PAGES: Final = 1_000
_MAX_FILE: Final = 32  # bytes
_FILE: Final = "timestamps"  # below state/: the newest time so far; a listing from there on


@dataclass(frozen=True, slots=True)
class _Listed:
    name: Name
    time: int
    root: str


class TimeFetcher:
    """Fetches the tokens that the receiver has and the mirror lacks."""

    def __init__(
        self,
        home: Home,
        config: Config,
        receiver: Receiver,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep where from and where to."""
        self._clock = clock
        self._home = home
        self._config = config
        self._receiver = receiver
        self._mirror = Mirror(home.mirror)
        self._seen_whole = False  # by this process; nothing else takes a token away

    def run(self, replay: Replay) -> list[Doubt]:
        """Have every token over what is mirrored; return why one cannot be had.

        Raises:
            UnreachableError: the receiver does not answer.
        """
        judge = Judge(self._mirror, self._config, replay)
        doubts = []
        self._seen_whole = self._seen_whole or self._is_whole()
        newest = self._newest() if self._seen_whole else 0
        try:
            listed = list(self._listed(max(newest - OVERLAP, 0)))
        except MissingError:
            return []  # a receiver of before there were timestamps
        except (LakzegelError, ValueError, KeyError, TypeError, RecursionError):
            return [Doubt("timestamps", "the receiver's list of them is none", "format")]
        for one in listed:
            if not one.name.renewal and one.name.number > replay.size:
                continue  # with the next pull
            newest = max(newest, min(one.time, int(self._clock())))  # else none would be asked for
            if not self._is_here(one):
                doubt = self._fetch(one, judge)
                doubts += [doubt] if doubt is not None else []
        if listed and not doubts:
            durable.write_files({self._home.state / _FILE: f"{newest}\n".encode()})
        return doubts

    def _is_here(self, one: _Listed) -> bool:
        """Tell whether every file of a token is in the mirror."""
        files = (one.name.stamped, one.name.answer, f"{ROOTS}/{one.root}.pem")
        return all(self._mirror.timestamp(file).exists() for file in files)

    def _is_whole(self) -> bool:
        """Tell whether no file is missing by its name; else all tokens are listed again."""
        here = self._mirror.timestamp("")
        stems = {path.stem for path in here.glob("*.*")}
        names = [Name.parse(stem) for stem in stems if place_of(f"{stem}{ANSWER_END}") is not None]
        files = (file for name in names for file in (name.stamped, name.answer))
        whole = all((here / file).exists() for file in files)
        return whole and (not names or any((here / ROOTS).glob("*.pem")))

    def _fetch(self, one: _Listed, judge: Judge) -> Doubt | None:
        name = f"timestamp {one.name}"
        try:
            stamped, answer = (self._get(f) for f in (one.name.stamped, one.name.answer))
            root = read_root(self._get(f"{one.root}.pem"), one.root)
            judge.judge(one.name, stamped, answer, [root])
        except MissingError as error:
            return Doubt(name, f"missing at the receiver: {error}", "missing")
        except LakzegelError as error:
            return Doubt(name, f"the receiver delivers none that holds: {error}", error.code)
        files = {
            self._mirror.timestamp(f"{ROOTS}/{one.root}.pem"): pem(root),
            self._mirror.timestamp(one.name.stamped): stamped,
        }
        for path, data in (*files.items(), (self._mirror.timestamp(one.name.answer), answer)):
            part = self._home.incoming / path.name
            part.write_bytes(data)
            durable.settle(part, path)
        return None

    def _get(self, file: str) -> bytes:
        return self._receiver.timestamp(file)[: limit_of(file) + 1]

    def _listed(self, since: int) -> Iterator[_Listed]:
        after = None
        for _ in range(MAX_PAGES):
            page = json.loads(self._receiver.timestamps(since, after))
            found = [_entry(entry) for entry in page["timestamps"]]
            yield from found
            if not page["more"] or not found:
                return
            after = str(found[-1].name)

    def _newest(self) -> int:
        try:
            text = read_limited(self._home.state / _FILE, _MAX_FILE).decode("ascii").strip()
        except (OSError, DoubtError, UnicodeDecodeError):  # it may be thrown away
            return 0
        return int(text) if text.isascii() and text.isdecimal() else 0


def _entry(entry: dict[str, object]) -> _Listed:
    at, root = entry["time"], str(entry["root"])
    if not isinstance(at, int) or len(root) != 64:  # noqa: PLR2004 - a SHA-256
        raise ValueError("not an entry of the list")
    int(root, 16)
    return _Listed(Name.parse(str(entry["name"])), at, root.lower())
