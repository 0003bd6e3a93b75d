# SPDX-License-Identifier: EUPL-1.2
"""Hands what was sealed over into a folder, again and again (docs/spec/handover.md §2)."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from lakzegel_server.handover.contents import Contents, File
from lakzegel_server.handover.packages import Package, Step, grown
from lakzegel_server.handover.share import ForeignError, Share
from lakzegel_server.handover.state import PlaceState
from lakzegel_server.logstate import LogState
from lakzegel_server.people.records import SELF, Action, Event, Thing
from lakzegel_server.settings_handover import HandoverFolder

LARGEST: Final = 2**30  # bytes; a hand-over that waits grows up to here
PATIENCE: Final = 20.0  # seconds that a new checkpoint may lack cosigners whom policies demand
READY: Final = "ready"
_SPARE: Final = 2**20  # bytes of room beside the files
LOOK: Final = 15.0  # seconds between two looks at what was fetched
_REASONS: Final = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.EHOSTDOWN), "absent"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "denied"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "full"),
    **dict.fromkeys((errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP), "foreign"),
}
_log: Final = logging.getLogger(__name__)


class HeldUpError(Exception):
    """Nothing can be handed over at present; the code says why."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What a hand-over asks and tells of the rest of the receiver."""

    cosigned: Callable[[], bool]  # whether what is shown has the cosigners that policies demand
    tell: Callable[[Event], None]  # the audit trail
    fetched: Callable[[], None]  # somebody took a hand-over away


class Folder:
    """The folder of one receiver."""

    def __init__(
        self,
        settings: HandoverFolder,
        *,
        log: LogState,
        contents: Contents,
        ties: Ties,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._log = log
        self._contents = contents
        self._packages = contents.packages
        self._ties = ties
        self._clock = clock
        self._monotonic = monotonic
        self._look = self._decide = monotonic()
        self._lacking: float | None = None  # since when cosigners are waited for
        self.state = PlaceState("folder", self._packages.handed()[1].size)

    def resume(self) -> None:
        """Go on from what was handed over, by whichever receiver."""
        self.state = PlaceState(self.state.name, self._packages.handed()[1].size)

    def work(self) -> None:
        """Decide on what is new, and hand over what was decided on, where that can be."""
        if not self._log.standing.sealing:
            return
        now = self._monotonic()
        if now >= self._decide and self._decide_on_news(now) and self.state.failing_since is None:
            self._look = now
        if now < self._look:
            return
        try:
            with Share.open(self._settings.path) as share:
                self._require_mounted()
                self._hand_over(share)
        except (HeldUpError, ForeignError, OSError) as error:
            reason = reason_of(error)
            self._look = now + self.state.fails(reason, self._clock())
            _log.warning("hand-over to the folder failed: %s", reason)
        else:
            self.state.recovered()
            self._look = now + LOOK

    def _decide_on_news(self, now: float) -> bool:
        """One hand-over for all that came since the last decision; whether there was any."""
        pending = [p for p in self._packages.all() if p.step is not Step.LYING]
        last = pending[-1] if pending else None
        number, mark = (last.number, last.end) if last else self._packages.handed()
        there = self._packages.now()  # before the tree: no token is of a larger one
        if self._log.shown.checkpoint.size < mark.size:
            return False
        if replace(there, size=self._log.shown.checkpoint.size) == mark:
            return False
        if not self._is_cosigned(now):
            return False
        shown = self._log.shown
        end = replace(there, size=shown.checkpoint.size)
        new = Package(number + 1, mark, end, shown.data, 0)
        new = replace(new, length=sum(file.size for file in self._contents.files(new)))
        if last is not None and last.step is Step.WAITING and last.length + new.length <= LARGEST:
            new = grown(last, new)
        self._packages.keep(new)
        self._decide = now + self._settings.every
        return True

    def _is_cosigned(self, now: float) -> bool:
        if self._ties.cosigned():
            self._lacking = None
            return True
        if self._lacking is None:
            self._lacking = now
        if now - self._lacking < PATIENCE:
            return False
        self._lacking = None
        return True

    def _hand_over(self, share: Share) -> None:
        """Everything that waits, oldest first."""
        lying = self._still_lying(share)
        for package in self._packages.all():
            if package.step is Step.LYING:
                continue
            files = self._contents.files(package)
            need = sum(file.size for file in files)
            if lying and lying + need > self._settings.limit:
                raise HeldUpError("unfetched")
            if package.step is Step.WAITING:
                if share.free() < need + _SPARE:
                    raise HeldUpError("full")
                package = replace(package, step=Step.BEGUN)  # noqa: PLW2901 - the same hand-over
                self._packages.keep(package)
            deliver(share, package.name, files)
            batches = sum(file.name.endswith(".batch") for file in files)
            event = Event(SELF, Action.HAND_OUT, Thing.ENTRIES, id=package.name, count=batches)
            self._ties.tell(event)
            self._packages.finish(replace(package, length=need, step=Step.LYING))
            lying += need
            self.state.succeeded(package.end.size)

    def _still_lying(self, share: Share) -> int:
        """Bytes that lie there and were not fetched."""
        lying = 0
        for package in self._packages.all():
            if package.step is Step.LYING:
                if share.has(package.name):
                    lying += package.length
                else:
                    self._packages.forget(package)
                    self._ties.fetched()
        return lying

    def _require_mounted(self) -> None:
        if self._settings.mounted and not os.path.ismount(self._settings.path):
            raise HeldUpError("not-mounted")


def deliver(share: Share, name: str, files: list[File]) -> None:
    """Have a whole hand-over there, with its ``ready``, whatever was there of it before.

    Raises:
        ForeignError: something else has one of its names.
        OSError: it could not be written.
    """
    part = f"{name}.part"
    if share.has(name):
        with share.inside(name) as done:
            lines = [f"{done.compare(file)}  {file.name}\n" for file in files]
            _make_ready(done, "".join(lines).encode())
        return
    share.make(part)
    with share.inside(part) as begun:
        begun.keep_only({file.name for file in files})
        lines = [f"{begun.write(file)}  {file.name}\n" for file in files]
        begun.sync()
    share.rename(part, name)
    with share.inside(name) as done:
        _make_ready(done, "".join(lines).encode())


def _make_ready(done: Share, text: bytes) -> None:
    if done.has(READY):
        done.compare(File.of(READY, text))
        return
    done.write(File.of(f".{READY}", text))
    done.rename(f".{READY}", READY)


def reason_of(error: Exception) -> str:
    """The code of what is in the way."""
    if isinstance(error, HeldUpError):
        return str(error)
    if isinstance(error, ForeignError):
        return "foreign"
    return _REASONS.get(getattr(error, "errno", None) or 0, "failed")
