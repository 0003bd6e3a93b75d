# SPDX-License-Identifier: EUPL-1.2
"""Which format a file has, by PRONOM: docs/spec/transfer.md §4.

`opf-fido` is a library of patterns; it is run over many files in processes of their own, for the
files are hostile: a pattern may take for ever, and an archive may unpack to anything.
"""

from __future__ import annotations

import contextlib
import io
import re
import resource
import signal
import warnings
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fido import CONFIG_DIR
from fido.versions import get_local_versions

from lakzegel_office.spread import in_turn, spread
from lakzegel_office.transfer.mdto import Format
from lakzegel_office.transfer.patterns import Fast
from lakzegel_office.transfer.safenames import MEDIA_TYPES

BATCH: Final = 200  # files a task
FEW: Final = 400  # files that are looked at without starting a process
PATIENCE: Final = 10  # seconds a file
MEMORY: Final = 2 << 30  # bytes of address space
MAIL: Final = "fmt/950"
PLAIN_TEXT: Final = Format("Plain Text File", "x-fmt/111")
# what an ending means that PRONOM gives to several, of which the others are rare
_MEANT: Final = {".eml": MAIL, ".txt": PLAIN_TEXT.puid, ".json": "fmt/817"}
_PUID: Final = re.compile(r"\A(x-)?fmt/[0-9]+\Z")
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_BEGIN: Final = 1 << 16  # bytes
_MEDIA: Final = "IANA Media Types"


class _TooLongError(BaseException):
    """A file took too long; not an Exception, which the library would swallow."""


@dataclass(frozen=True, slots=True)
class Task:
    """Some files below a folder."""

    root: Path
    paths: tuple[str, ...]


class Identifier:
    """The library, loaded once."""

    def __init__(self) -> None:
        """Load the patterns: a third of a second."""
        versions = get_local_versions(CONFIG_DIR)
        self._found: list[Any] = []
        self._fido = Fast(
            quiet=True,
            handle_matches=self._keep,
            format_files=[versions.pronom_signature, versions.fido_extension_signature],
        )

    def identify(self, path: Path) -> Format:
        """Return a file's format; one that PRONOM does not know by its media type."""
        for container in (False, True):
            self._fido.nocontainer = container
            self._found.clear()
            with (
                contextlib.suppress(_TooLongError, MemoryError),
                _quiet(),
                _limited(PATIENCE),
            ):
                self._fido.identify_file(str(path))
                break
        else:
            self._found.clear()
        by_bytes = min(_of_pronom(self._found), default=None)
        return _format(by_bytes) if by_bytes is not None else self._by_ending(path)

    def _keep(self, name: str, matches: Sequence[tuple[Any, str]], spent: float, by: str) -> None:
        del name, spent
        self._found[:] = [] if by == "extension" else [found for found, _ in matches]

    def _by_ending(self, path: Path) -> Format:
        """Return the format that only a file's ending tells of, where that tells of one."""
        known = dict(_of_pronom(self._fido.of_ending(path.name)))
        wanted = _MEANT.get(path.suffix)
        if wanted in known and (wanted == MAIL or _is_text(path)):
            return _format((wanted, known[wanted]))
        if len(known) == 1:
            return _format(*known.items())
        return PLAIN_TEXT if _is_text(path) else _by_name(path)


def _of_pronom(found: Iterable[Any]) -> list[tuple[str, str]]:
    """Return ids and names of those that are PRONOM's; the library has some of its own."""
    pairs = ((str(one.findtext("puid")), str(one.findtext("name"))) for one in found)
    return [(puid, name) for puid, name in pairs if _PUID.match(puid)]


def _format(found: tuple[str, str]) -> Format:
    return Format(found[1], found[0])


def _is_text(path: Path) -> bool:
    """Whether a file begins as text in UTF-8 does."""
    try:
        with path.open("rb") as file:
            text = getincrementaldecoder("utf-8")().decode(file.read(_BEGIN))
    except (OSError, UnicodeDecodeError):
        return False
    return bool(text) and not _CONTROL.search(text)


def identify_all(root: Path, paths: Sequence[str]) -> Iterator[tuple[str, Format]]:
    """Yield each file with its format, in the order of the paths."""
    tasks = [Task(root, tuple(paths[n : n + BATCH])) for n in range(0, len(paths), BATCH)]
    run = in_turn if len(paths) <= FEW else spread
    for task, found in zip(
        tasks, run(tasks, work, prepare=start_worker, arguments=(len(paths) > FEW,)), strict=True
    ):
        yield from zip(task.paths, found, strict=True)


_worker: list[Identifier] = []


def start_worker(own_process: bool) -> None:  # noqa: FBT001  # an argument of a process
    """Load the library; a process of its own gets a limit of memory."""
    if own_process:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if not _worker:
        _worker.append(Identifier())


def work(task: Task) -> list[Format]:
    """Return the formats of some files."""
    return [_worker[0].identify(task.root / path) for path in task.paths]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Have the library say nothing, and leave to the collector the file that it does not close."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextlib.contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def over(*_: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, over)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)  # by which signals are heard: interrupt.py
        signal.signal(signal.SIGALRM, before)


def _by_name(path: Path) -> Format:
    return Format(MEDIA_TYPES.guess_type(path.name)[0] or "application/octet-stream", "", _MEDIA)
