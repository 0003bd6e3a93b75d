# SPDX-License-Identifier: EUPL-1.2
"""Which format a file has, by PRONOM: docs/spec/transfer.md §4.

`opf-fido` is a library of patterns; it is run over many files in processes of their own, for the
files are hostile: a pattern may take for ever, and an archive may unpack to anything.
"""

from __future__ import annotations

import contextlib
import io
import mimetypes
import resource
import signal
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fido import CONFIG_DIR
from fido.versions import get_local_versions

from lakzegel_office.spread import in_turn, spread
from lakzegel_office.transfer.mdto import Format
from lakzegel_office.transfer.patterns import Fast

BATCH: Final = 200  # files a task
FEW: Final = 400  # files that are looked at without starting a process
PATIENCE: Final = 10  # seconds a file
MEMORY: Final = 2 << 30  # bytes of address space
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
        self._found: list[tuple[Any, str]] = []
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
        return self._chosen() or _by_name(path)

    def _keep(self, name: str, matches: Sequence[tuple[Any, str]], *_: object) -> None:
        del name
        self._found[:] = [(found, kind) for found, kind in matches]

    def _chosen(self) -> Format | None:
        """Return the first by its PUID, where there are several."""
        formats = sorted(
            (str(found.findtext("puid")), str(found.findtext("name"))) for found, _ in self._found
        )
        return Format(formats[0][1], formats[0][0]) if formats else None


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
    return Format(mimetypes.guess_type(path.name)[0] or "application/octet-stream", "", _MEDIA)
