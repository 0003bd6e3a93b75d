# SPDX-License-Identifier: EUPL-1.2
"""A life of another version than the last one: checked first, proven by its first whole turn.

    another version -> self-check -> ok, undecided: it works, unproven -> a first turn -> proven
                                  -> failed: exit 5, and the launcher counts

docs/spec/updates.md
"""

from __future__ import annotations

import faulthandler
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lakzegel_agent import selfcheck
from lakzegel_agent.errors import AgentError, SealingError, UnfitError
from lakzegel_agent.home import Home
from lakzegel_agent.ledger import DEVICE, Ledger
from lakzegel_agent.problems import Problems
from lakzegel_agent.selfcheck import Checked
from lakzegel_agent.settingsconfig import Config, Launcher, launcher
from lakzegel_agent.versions import FOLDER, Versions
from lakzegel_core.errors import LakzegelError

ROLLED_BACK: Final = "update-rolled-back"
ARRIVAL: Final = 600.0  # seconds that a version which is not proven may take to arrive
_VERSION: Final = re.compile(r"[0-9][0-9A-Za-z.+~-]*")
_LONGEST: Final = 64  # characters of one
_TOLD: Final = "version-told"  # what the ledger remembers the last observation by
Check = Callable[[Path, Path], Checked]


def running() -> str:
    """The version of this agent: the package's, with its release, where a package has it."""
    try:
        with (Path(sys.prefix) / "VERSION").open(encoding="ascii") as file:
            packaged = file.read(_LONGEST).rstrip("\n")
    except (OSError, ValueError):
        packaged = ""
    return packaged if _VERSION.fullmatch(packaged) else version("lakzegel")


@dataclass(slots=True)
class Trial:
    """One life of one version, until it is proven."""

    versions: Versions
    version: str
    instead_of: str | None = None
    is_over: bool = False

    @contextmanager
    def arriving(self) -> Iterator[None]:
        """While this lasts, a version that is not proven may hang for so long and no longer.

        By a thread of the interpreter's own: what hangs may hold everything else.
        """
        if self.versions.proven == self.version:
            yield
            return
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - it is no file
            faulthandler.dump_traceback_later(ARRIVAL, exit=True, file=nowhere)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()

    def begin(self, ledger: Ledger, problems: Problems) -> None:
        """State that this version runs instead of another, or that it no longer does."""
        bad = self.versions.bad
        if self.instead_of is None:
            problems.clear(ledger, ROLLED_BACK)
            return
        why = bad[1] if bad is not None else "unknown"
        problems.add(
            ledger, ROLLED_BACK, f"{self.instead_of} did not work here ({why}); {self.version} runs"
        )
        said = {"version": self.instead_of, "why": why, "runs": self.version}
        self._tell(ledger, {"type": ROLLED_BACK, **said})

    def turned(self, ledger: Ledger) -> None:
        """Take note that a turn came to its end: this version works.

        Raises:
            UnwritableError: it cannot be stated now; the next turn tries again.
        """
        if self.is_over:
            return
        before = self.versions.proven
        if before not in {None, self.version}:
            self._tell(ledger, {"type": "updated", "from": before, "to": self.version})
        with suppress(OSError):
            self.versions.prove(self.version, keep_bad=self.instead_of is not None)
            self.is_over = True

    def _tell(self, ledger: Ledger, said: dict[str, str]) -> None:
        """State it once, also where what it is about cannot be written down."""
        told = " ".join((said["type"], *said.values())).encode()
        if ledger.recall(_TOLD) != told:
            ledger.observe(DEVICE, said)
            ledger.remember(_TOLD, told)


def versions_of(home: Path, by: Launcher) -> Versions:
    """The version folder of a home that was started so."""
    return Versions((by.state or home) / FOLDER)


def begin(
    config: Config,
    *,
    check: Check = selfcheck.check_apart,
    stopped: Callable[[], bool] = lambda: False,
) -> Trial:
    """A trial of this version: it passed its self-check, or is known to work here.

    Whoever is ``stopped`` meanwhile may have ended the check with it: that says nothing.

    Raises:
        UnfitError: it does not work here; nothing was changed.
    """
    by, now = launcher(), running()
    trial = Trial(versions_of(config.home, by), now, by.instead_of)
    if trial.versions.knows(now) or not Home(config.home).ledger.exists():
        return trial
    found = check(config.path, trial.versions.folder)
    if stopped():
        return trial
    with suppress(OSError):
        trial.versions.note_check(found.line(now))
    if found.state == "failed":
        raise UnfitError(
            f"version {now} does not work here, self-check at '{found.step}': {found.why};"
            " nothing was changed: have the version before it installed again"
        )
    return trial


def made(config: Config) -> None:
    """Keep that this version made what lies in the home."""
    with suppress(OSError):
        versions_of(config.home, launcher()).note_made(running())


@contextmanager
def counted(versions: Versions | None = None) -> Iterator[None]:
    """A life of ``run``: an end for which this version is not to blame does not count against it.

    Raises: what is raised within.
    """
    try:
        yield
    except (UnfitError, SealingError):
        raise
    except (AgentError, LakzegelError, OSError, KeyboardInterrupt):
        _forgive(versions or _launched())
        raise
    _forgive(versions or _launched())


def _forgive(folder: Versions | None) -> None:
    if folder is not None:
        with suppress(OSError):
            folder.ended_orderly(running())


def _launched() -> Versions | None:
    by = launcher()
    return None if by.state is None else versions_of(by.state, by)
