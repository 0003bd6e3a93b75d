# SPDX-License-Identifier: EUPL-1.2
"""What the office may state that it holds, and what it must say does not fit.

Held at size N: every header below N is mirrored with its batch and keyring and was opened whole,
or a finding below N names it. docs/spec/mirror.md §3.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lakzegel_core import limits
from lakzegel_core.errors import LakzegelError
from lakzegel_core.finding import Finding
from lakzegel_core.held import Held, open_held
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.index import Failure
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay

MAX_NAMED: Final = 4096  # items that one finding lists; more are "all of the batch"


@dataclass(frozen=True, slots=True)
class Misfit:
    """One batch, one reason: what a finding says."""

    record: HeaderRecord
    code: str
    items: tuple[int, ...]
    what: str

    def finding(self, origin: str, now: datetime) -> Finding:
        """Return the finding to be signed."""
        header = self.record.header
        return Finding(
            origin=origin,
            device=header.device,
            epoch=header.epoch,
            batch=header.batch,
            header=bytes.fromhex(self.record.batch_id),
            code=self.code,
            items=self.items if len(self.items) <= MAX_NAMED else (),
            annex=None,
            at=now,
        )

    def excepted_at(self, replay: Replay) -> int | None:
        """Return where in the log the last finding about this lies, None while one lacks."""
        wanted: Sequence[int | None] = self.items or (None,)
        places = [replay.excepted_at(self.record.batch_id, self.code, item) for item in wanted]
        known = [place for place in places if place is not None]
        return max(known) if len(known) == len(places) else None


def misfits_in(replay: Replay, failed: Mapping[int, Sequence[Failure]]) -> Iterator[Misfit]:
    """Yield everything about sealed batches that does not fit: of headers, then of what was opened.

    `failed` has by its header's place in the log what did not fit of a batch.
    """
    for problem in replay.problems:
        if problem.record is not None:
            yield Misfit(problem.record, problem.code, (), problem.what)
    for index in sorted(failed):
        record, failures = replay.accepted.at(index), failed[index]
        if record is None:
            continue
        for code in dict.fromkeys(failure.code for failure in failures):
            same = [failure for failure in failures if failure.code == code]
            items = [failure.index for failure in same if failure.index is not None]
            whole = len(items) < len(same)
            yield Misfit(record, code, () if whole else tuple(sorted(set(items))), same[0].what)


def held_size(replay: Replay, missing: Iterable[int], found: Iterable[Misfit]) -> int:
    """Return the greatest size that may be stated as held.

    Args:
        replay: the log.
        missing: the places of headers whose batch or keyring is not mirrored or not opened.
        found: everything that does not fit.
    """
    size = min([replay.size, *missing])
    open_cases = [(misfit.record.index, misfit.excepted_at(replay)) for misfit in found]
    while True:
        stops = [
            header
            for header, finding in open_cases
            if header < size and (finding is None or finding >= size)
        ]
        if not stops:
            return size
        size = min(stops)


def read_held(mirror: Mirror, config: Config) -> Held | None:
    """Return the newest held statement of this office, verified, or None where there is none.

    Raises:
        DoubtError: what lies there is not that.
    """
    try:
        data = read_limited(mirror.held, limits.MAX_NOTE)
    except FileNotFoundError:
        return None
    try:
        held = open_held(data, config.keys["held"])
    except LakzegelError as error:
        raise DoubtError(f"mirror/held: {error}") from error
    if held.origin != config.origin:
        raise DoubtError(f"mirror/held: of log {held.origin}")
    return held


def check_held(mirror: Mirror, config: Config, replay: Replay) -> Iterator[Doubt]:
    """Yield what is wrong with the mirrored held statement."""
    try:
        held = read_held(mirror, config)
    except (DoubtError, OSError) as error:
        yield Doubt("mirror/held", str(error))
        return
    if held is None:
        if replay.size:
            yield Doubt("mirror/held", "missing; run pull", "missing")
        return
    if held.size > replay.size:
        yield Doubt("mirror/held", f"for {held.size} entries; the log has {replay.size}", "fork")
    elif held.root != replay.root(held.size):
        yield Doubt("mirror/held", "the log had another root at that size", "fork")
