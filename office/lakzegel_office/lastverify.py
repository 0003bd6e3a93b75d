# SPDX-License-Identifier: EUPL-1.2
"""What a `verify` leaves for the next one, and how that one uses it; docs/spec/mirror.md §8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lakzegel_core.encoding import b64, format_time
from lakzegel_office.config import Config
from lakzegel_office.continuing import Again, Continuation, other_past
from lakzegel_office.doubts import Doubt
from lakzegel_office.home import Home
from lakzegel_office.memory import VERIFIED, Memory, Remembered, Summed
from lakzegel_office.mirror import Mirror
from lakzegel_office.places import KEPT
from lakzegel_office.verification import Progress, Verification, Verifier

MAX_KEPT: Final = 1000  # doubts that are told again; more say nothing new


@dataclass(frozen=True, slots=True)
class Since:
    """What a run did not read, because an earlier one did."""

    remembered: Remembered
    again: Again
    kept: int  # doubts of earlier runs

    @property
    def at(self) -> str:
        """When that was verified."""
        return str(self.remembered.says["at"])

    def lines(self) -> list[str]:
        """Return it for people."""
        whole = self.remembered.says["whole"]
        size = self.remembered.size
        read = f"the first {size} entries and their batches, verified {self.at}"
        last = f"the last whole verify was {whole['at']}, of {whole['size']} entries"
        lines = [f"not read again: {read}; {last}"]
        if self.again.upto > self.again.first:
            lines.append(f"read again: of these, entries {self.again.first} to {self.again.upto}")
        if self.kept:
            lines.append(f"kept: {self.kept} doubts of before, until a whole verify finds none")
        return lines

    def to_json(self) -> Mapping[str, object]:
        """Return it for a program."""
        return {
            "at": self.at,
            "size": self.remembered.size,
            "root": b64(self.remembered.root),
            "whole": self.remembered.says["whole"],
            "read_again": [self.again.first, self.again.upto],
            "kept_doubts": self.kept,
        }


class LastVerify:
    """One run of `verify`, and what it knows of the one before."""

    def __init__(self, home: Home, config: Config, progress: Progress) -> None:
        """Read what was remembered."""
        self._home = home
        self._config = config
        self._progress = progress
        self._mirror = Mirror(home.mirror)
        self._memory = Memory(home, config, VERIFIED, Summed())
        self._remembered = self._memory.read()
        self.since: Since | None = None
        self.note: str | None = None  # why everything was read, though that was not asked for

    def whole(self) -> Verification:
        """Return what all of the mirror proves; nothing that was remembered counts."""
        return Verifier(self._mirror, self._config, self._progress).run()

    def going_on(self, share: float) -> Verification:
        """Return what came since the last verify that found nothing, and a share of the rest.

        Everything is verified where nothing is remembered, or the log is not what it was.
        """
        known = self._remembered
        if known is None:
            self.note = "nothing is remembered of an earlier verify; everything is read"
            return self.whole()
        past = list(other_past(self._mirror, self._config, known))
        going = None if past else self._begin(known, share)
        if going is None:
            self.note = "what is remembered does not fit any more; everything is read"
            found = self.whole()
            found.doubts += past
            return found
        found = going.run()
        kept = [_doubt(row) for row in known.says["doubts"]]
        found.doubts += kept
        self.since = Since(known, Again.after(known, share), len(kept))
        return found

    def _begin(self, known: Remembered, share: float) -> Continuation | None:
        return Continuation.begin(
            self._mirror,
            self._config,
            self._progress,
            self._memory,
            known,
            self._home.state / KEPT,
            share,
        )

    def remember(self, found: Verification, now: datetime) -> None:
        """Leave what the next run needs: a tree below which everything held, or the doubts.

        Raises:
            OSError: it cannot be written.
        """
        doubts = [doubt for doubt in found.doubts if not doubt.excepted]
        if doubts:
            if self._remembered is not None:
                self._memory.amend(self._remembered, {"doubts": _rows(doubts)})
            return
        if found.replay is None or not self._home.state.is_dir():
            return
        at = format_time(now)
        stamped = found.stamped
        self._memory.write(
            found.replay,
            {
                "again": {"next": 0 if self.since is None else self.since.again.upto},
                "at": at,
                "doubts": [],
                "stamped": {"below": stamped.below, "batches": dict(stamped.batches)},
                "times": found.times.to_json(),
                "whole": self._whole(at, found.replay.size),
            },
        )

    def _whole(self, at: str, size: int) -> Mapping[str, Any]:
        if self.since is None:
            return {"at": at, "size": size}
        said: Mapping[str, Any] = self.since.remembered.says["whole"]
        return said


def _rows(doubts: Iterable[Doubt]) -> list[dict[str, Any]]:
    """Return the doubts to keep; those of before are among them where they were kept."""
    rows = {(d.file, d.code, d.batch, d.item): d.to_json() for d in doubts}
    return list(rows.values())[:MAX_KEPT]


def _doubt(row: Mapping[str, Any]) -> Doubt:
    item = row["item"]
    batch = row["batch"]
    return Doubt(
        str(row["file"]),
        str(row["what"]),
        str(row["code"]),
        None if batch is None else str(batch),
        None if item is None else int(item),
    )
