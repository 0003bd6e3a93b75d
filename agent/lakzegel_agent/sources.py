# SPDX-License-Identifier: EUPL-1.2
"""Where a source lies: a policy's path, with ``~`` and wildcards, as a folder and a selection.

    ~/Mail                        that folder
    ~/Documenten/export.zip       that file alone
    ~/.thunderbird/*/Mail         every such folder, and all that lies below it
    ~/Downloads/**/result.json    at any depth

``*``, ``?`` and ``[...]`` match within one name, names that begin with a dot too; ``**`` stands for
any number of folders. docs/spec/sources.md §2
"""

import fnmatch
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.platforms import system

MAX_PATTERN: Final = 4_096  # bytes of a path in a policy
MAX_PARTS: Final = 64  # names in a pattern: what one match may cost
MAX_STARS: Final = 16  # wildcards in one name, likewise
_WILD: Final = re.compile(rb"[*?\[]")
_ANY_DEPTH: Final = b"**"

Names = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Root:
    """A folder to be scanned, and which of the paths below it count (None: all).

    ``missing``: it is not there now. That says nothing about what was captured from it.
    """

    root: bytes
    only: Callable[[bytes], bool] | None
    missing: bool


class Selection:
    """Says which relative paths are matched by a pattern or lie below a match.

    The cost of a path is its length times the pattern's: wildcards do not multiply.
    """

    def __init__(self, parts: tuple[re.Pattern[str] | None, ...]) -> None:
        self._parts = parts
        self._end = len(parts)
        self._start = self._closure({0})
        self._last: tuple[bytes, frozenset[int]] = (b"", self._start)

    def __call__(self, path: bytes) -> bool:
        """Return whether this path counts."""
        folder, _, name = path.rpartition(b"/")
        return self._end in self._step(self._walk(folder), name)

    def may_hold(self, folder: bytes) -> bool:
        """Return whether a path below this folder may count."""
        return bool(self._walk(folder))

    def _walk(self, folder: bytes) -> frozenset[int]:
        """Return the places in the pattern that this folder reaches; the last one is remembered."""
        known, states = self._last
        if folder != known:
            states = self._start
            for name in folder.split(b"/") if folder else ():
                states = self._step(states, name)
            self._last = (folder, states)
        return states

    def _step(self, states: frozenset[int], name: bytes) -> frozenset[int]:
        if self._end in states:  # below a match everything counts
            return states
        text = os.fsdecode(name)
        reached = set[int]()
        for state in states:
            matcher = self._parts[state]
            if matcher is None:
                reached.add(state)
            elif matcher.match(text):
                reached.add(state + 1)
        return self._closure(reached)

    def _closure(self, states: set[int]) -> frozenset[int]:
        """Return these places, and those that an any-depth part lets through."""
        reached = set(states)
        for state in range(self._end):
            if state in reached and self._parts[state] is None:
                reached.add(state + 1)
        return frozenset(reached)


def locate(path: str, *, home: bytes) -> Root:
    """Return what a policy's path means for the user whose home this is.

    Raises:
        UsageError: the path is not absolute, climbs with ``..``, or is beyond a limit.
    """
    fixed, parts = _split(path, home)
    plain = next((at for at, part in enumerate(parts) if _WILD.search(part)), len(parts))
    names = fixed + parts[:plain]
    root, mode = _look(names)
    if plain < len(parts):
        wanted = Selection(tuple(_matcher(part) for part in parts[plain:]))
        return Root(root, wanted, missing=mode is None)
    if names and mode is not None and not stat.S_ISDIR(mode):
        name = re.compile(re.escape(os.fsdecode(names[-1])) + r"\Z", _case())
        return Root(_look(names[:-1])[0], Selection((name,)), missing=False)
    return Root(root, None, missing=mode is None)


def _split(path: str, home: bytes) -> tuple[Names, Names]:
    """Return the home's names where the path begins with ``~``, and the path's own.

    They stay apart: a wildcard in the name of somebody's home is just a character.
    """
    try:
        raw = system.slashed(os.fsencode(path))
    except UnicodeEncodeError:
        raise UsageError(f"source path {path!a}: not text") from None
    if len(raw) > MAX_PATTERN:
        raise UsageError(f"source path {path[:40]!r}...: longer than {MAX_PATTERN} bytes")
    at_home = raw == b"~" or raw.startswith(b"~/")
    parts = _names(raw[1:] if at_home else raw)
    if b"\0" in raw or b".." in parts or not (at_home or system.is_absolute(raw)):
        raise UsageError(f"source path {path!r}: give an absolute path or one that begins with ~/")
    if len(parts) > MAX_PARTS or any(part.count(b"*") > MAX_STARS for part in parts):
        limits = f"{MAX_PARTS} names, or {MAX_STARS} wildcards in one of them"
        raise UsageError(f"source path {path[:40]!r}...: more than {limits}")
    return (_names(system.slashed(home)) if at_home else ()), parts


def _names(raw: bytes) -> Names:
    return tuple(part for part in raw.split(b"/") if part not in {b"", b"."})


def _look(names: Names) -> tuple[bytes, int | None]:
    """Return the path of these names and its mode, None when it is not there.

    A root that may not be looked at is there: the scan says that it is unreadable.
    """
    root = system.rooted(names)
    try:
        return root, os.stat(root).st_mode  # noqa: PTH116  # bytes
    except (FileNotFoundError, NotADirectoryError):
        return root, None
    except OSError:
        return root, stat.S_IFDIR


def _matcher(part: bytes) -> re.Pattern[str] | None:
    """Return what one name must match, None for any number of folders."""
    if part == _ANY_DEPTH:
        return None
    return re.compile(fnmatch.translate(os.fsdecode(part)), _case())


def _case() -> re.RegexFlag:
    return re.IGNORECASE if system.folds_case() else re.NOFLAG
