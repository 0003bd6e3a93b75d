# SPDX-License-Identifier: EUPL-1.2
"""The parties' processes: each in a group of its own, none left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from lakzegel_demo.errors import NotProvenError, PartyError, RefusedError
from lakzegel_demo.stopping import Stopper

GRACE: Final = 10.0  # seconds between asking a process to end and ending it
REFUSED: Final = 3  # the exit code of all commands for "cannot reach or was refused"
POLL: Final = 0.02  # seconds between two looks at something that has no event
TAIL: Final = 5  # lines of a party's log that an error shows

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(slots=True)
class Children:
    """Every process the demo started; on leaving the `with`, none of them is alive."""

    logs: Path
    stopper: Stopper = field(default_factory=Stopper)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Start with a folder for the logs."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End whatever still runs."""
        self.stop_all()

    def run(
        self, module: str, arguments: Sequence[str], *, progress: Progress | None = None
    ) -> Finished:
        """Return how `python -m module arguments` ended; its lines on stderr go to `progress`."""
        said: list[str] = []
        with tempfile.TemporaryFile() as stdout:
            process = self._started("", module, arguments, stdout, subprocess.PIPE)
            try:
                for line in process.stderr or ():
                    said.append(line.decode(errors="replace").rstrip("\n"))
                    if progress is not None:
                        progress(said[-1])
                process.wait()
            finally:
                end([self.running.pop("")])
                if process.stderr is not None:
                    process.stderr.close()
            stdout.seek(0)
            text = stdout.read().decode(errors="replace")
        finished = Finished(process.returncode, text, "\n".join(said))
        self._record(module, arguments, finished)
        return finished

    def demand(
        self, module: str, arguments: Sequence[str], *, progress: Progress | None = None
    ) -> str:
        """Return what a command printed, when it ended with 0.

        Raises:
            NotProvenError, RefusedError, PartyError: what it said, and its exit code.
        """
        done = self.run(module, arguments, progress=progress)
        if done.code:
            raise failure(f"{module} {arguments[0]}", done.code, done.stderr or done.stdout)
        return done.stdout

    def start(self, name: str, module: str, arguments: Sequence[str]) -> int:
        """Start a process that stays until it is stopped, its output in `logs/NAME.log`."""
        with self._log(name).open("ab") as log:
            return self._started(name, module, arguments, log, log).pid

    def await_file(self, name: str, path: Path, *, seconds: float) -> str:
        """Return the text that process `name` writes to `path` once it is ready.

        Raises:
            PartyError: it ended instead, or took too long.
        """
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            with contextlib.suppress(FileNotFoundError):
                if text := path.read_text().strip():
                    return text
            code = self.running[name].poll()
            if code is not None:
                raise failure(name, code, self._log(name).read_text(errors="replace"))
            time.sleep(POLL)
        raise PartyError(f"{name}: not ready after {seconds:g} s; see {self._log(name)}")

    def ended(self) -> dict[str, int]:
        """Return the exit codes of processes that ended by themselves, each once."""
        codes = {name: process.poll() for name, process in self.running.items()}
        gone = {name: code for name, code in codes.items() if code is not None}
        for name in gone:
            del self.running[name]
        return gone

    def stop_all(self) -> None:
        """End all that still run, the newest first."""
        end(list(self.running.values())[::-1])
        self.running.clear()

    def _started(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        stdout: IO[bytes],
        stderr: IO[bytes] | int,
    ) -> subprocess.Popen[bytes]:
        with self.stopper.hold():
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            self.running[name] = process
        return process

    def _record(self, module: str, arguments: Sequence[str], done: Finished) -> None:
        with self._log("commands").open("a") as log:
            log.write(f"$ {module} {' '.join(arguments)}\n{done.stderr}\n-> {done.code}\n")

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask processes to end, wait, and kill the groups of those that did not."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    limit = time.monotonic() + GRACE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, limit - time.monotonic()))
        # The group may outlive its leader: workers of a killed agent.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def failure(what: str, code: int, text: str) -> NotProvenError | RefusedError | PartyError:
    """Return the error for a command that ended with `code`, with its last lines."""
    lines = [line for line in text.splitlines() if line.strip()][-TAIL:]
    message = f"{what} ended with {code}: {' / '.join(lines) or 'it said nothing'}"
    if code == 1:
        return NotProvenError(message)
    return RefusedError(message) if code == REFUSED else PartyError(message)
