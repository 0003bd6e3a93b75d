# SPDX-License-Identifier: EUPL-1.2
"""Everything that `verify` demands of the mirror, docs/spec/mirror.md §2, in its order.

Every step takes the doubts it finds down and goes on where going on means something: a broken
batch does not hide another; a broken log ends the replay, but not the look at the files.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import tee
from typing import Final

from lakzegel_core import limits, tiles
from lakzegel_core.checkpoint import SignedCheckpoint
from lakzegel_core.cosignature import Cosignature
from lakzegel_core.errors import LakzegelError
from lakzegel_core.finding import Finding
from lakzegel_core.quorum import require_quorum
from lakzegel_office.batchcheck import CheckTask, begin, check_digest, check_task
from lakzegel_office.checkpoints import Checkpoints, kept_in, office_cosigners, strict
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.holding import check_held
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.replay import Replay, annexes_of, keyring_of, quorums_of
from lakzegel_office.spread import in_turn, spread
from lakzegel_office.timestamps import Times, check_timestamps
from lakzegel_office.treecheck import TreeCheck

Progress = Callable[[str], None]
CHECKPOINT: Final = "mirror/log/checkpoint"
FREE_FOLDERS: Final = (
    "batches/",
    "keyrings/",
    "annexes/",
    "timestamps/",
)  # named by a log that was replayed
_BATCH_FILE: Final = re.compile(
    r"(?:batches/(?=[0-9a-f]{64}\.batch)|keyrings/(?=[0-9a-f]{64}\.keyring))([0-9a-f]{64})\.[a-z]+"
)
STRIDE: Final = 100  # batches between two lines of progress
SPREAD_FROM: Final = 128 << 20  # bytes of batches; hashing fewer is not worth a process's start


@dataclass(slots=True)
class Stamped:
    """How many batches of each device lie below an entry of the log."""

    below: int = 0
    batches: Counter[str] = field(default_factory=Counter)

    def upto(self, replay: Replay, size: int) -> Counter[str]:
        """Return how many lie below `size`; from here on, where that is not less."""
        if size < self.below:
            self.below, self.batches = 0, Counter()
        for record in replay.accepted.since(self.below):
            if record.index >= size:
                break
            self.batches[record.header.device] += 1
        self.below = size
        return self.batches


@dataclass(slots=True)
class Verification:
    """What verifying found: the replayed log and every doubt."""

    doubts: list[Doubt] = field(default_factory=list)
    signed: SignedCheckpoint | None = None
    cosigned: tuple[Cosignature, ...] = ()  # of known witnesses, over the newest checkpoint
    replay: Replay | None = None
    times: Times = field(default_factory=Times)
    signed_after: Callable[[int], int | None] = lambda _: None  # when a larger log was signed
    stamped: Stamped = field(default_factory=Stamped)  # counted before


class Verifier:
    """Verifies one mirror without any private key."""

    def __init__(self, mirror: Mirror, config: Config, progress: Progress) -> None:
        """Keep the mirror and whom it must be signed by."""
        self._mirror = mirror
        self._config = config
        self._progress = progress
        self._result = Verification()
        self._missing: Counter[str] = Counter()  # files that are not there, by their folder

    def run(self) -> Verification:
        """Return what was found.

        Raises:
            UsageError: there is no mirror.
        """
        result = self._result
        if next(self._files(), None) is None:
            raise UsageError(f"{self._mirror.root}: no mirror yet; run: lakzegel-office pull")
        try:
            checkpoints = Checkpoints.load(self._mirror, self._config)
            result.signed, result.signed_after = checkpoints.newest, checkpoints.signed_after
            replay = self._replay_log(checkpoints)
            result.replay = replay
            self._check_checkpoint(replay)
            result.doubts += checkpoints.check(replay)
            self._check_entries(replay)
            self._check_batches(replay)
            self._check_rest(replay)
        except DoubtError as error:
            name, _, what = str(error).partition(": ")
            result.doubts.append(Doubt(name, what))
        self._check_set()
        return result

    def _files(self) -> Iterator[str]:
        return self._mirror.files()

    def _check_checkpoint(self, replay: Replay) -> None:
        """Step 1, with the witnesses that the policies in this log name."""
        try:
            quorums = list(quorums_of(replay))
            named = [key for quorum in quorums for key in quorum.witnesses]
            known = list(dict.fromkeys((*office_cosigners(self._config), *named)))
            data = read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT)
            signed = strict(data, self._config.log, known)
            self._result.cosigned = signed.cosignatures
            for quorum in quorums:
                require_quorum(signed, quorum)
        except LakzegelError as error:
            self._result.doubts.append(Doubt(CHECKPOINT, str(error), error.code))

    def _replay_log(self, checkpoints: Checkpoints) -> Replay:
        """Steps 3 and 4: every tile computed anew, every entry replayed.

        Raises:
            DoubtError: the entries are not those that the log signed.
        """
        newest = checkpoints.newest.checkpoint
        replay = Replay.start(self._config, self._mirror, checkpoints.signed_at)
        replay.roots.anchor(newest.size, newest.root)
        wrong: dict[str, str] = {}
        tree = TreeCheck(lambda path, expected: self._compare_tile(path, expected, wrong))
        for bundle in range(-(-newest.size // tiles.WIDTH)):
            for entry in read_bundle(self._mirror, bundle, newest.size):
                tree.add(entry)
                replay.feed(entry)
        tree.finish()
        if replay.root(newest.size) != newest.root:
            raise DoubtError(blame_entries(wrong, newest.size))
        for path, what in wrong.items():
            self._result.doubts.append(Doubt(f"mirror/log/{path}", what, "root-mismatch"))
        return replay

    def _compare_tile(self, path: str, expected: bytes, wrong: dict[str, str]) -> None:
        try:
            found = self._mirror.read_log(path)
        except DoubtError as error:
            wrong[path] = str(error).partition(": ")[2]
            return
        if found != expected:
            pairs = zip(found, expected, strict=False)
            place = next((i for i, (a, b) in enumerate(pairs) if a != b), len(expected))
            wrong[path] = f"hash {place // limits.DIGEST} is not the one that the entries give"

    def _check_entries(self, replay: Replay) -> None:
        """Steps 4 to 6: what did not fit; where a finding says so in public, the finding."""
        for problem in replay.problems:
            record = problem.record
            if record is None or replay.excepted_at(record.batch_id, problem.code) is None:
                self._result.doubts.append(problem.doubt(excepted=False))
        for rows in replay.findings.values():
            for index, finding in rows:
                self._result.doubts.append(_as_doubt(index, finding))

    def _check_batches(self, replay: Replay) -> None:
        """Steps 7 and 8, each file read once, spread over processes where there is much."""
        total = len(replay.accepted)
        self._check_files(replay, replay.accepted, total)

    def _check_files(
        self, replay: Replay, records: Iterable[HeaderRecord], total: int | None
    ) -> None:
        """Steps 7 and 8 for these; `total` is how many they are, where that is known."""
        records, some = tee(records)  # the sizes of the first few tell whether it is much
        run = spread if self._is_much(some) else in_turn
        del some  # it would keep all that it is behind
        tasks = (self._task(replay, record) for record in records)
        checked = run(tasks, check_task, prepare=begin, arguments=())
        of = "" if total is None else f"/{total}"
        for number, doubts in enumerate(checked, 1):
            self._result.doubts += doubts
            for doubt in doubts:
                self._missing[doubt.file.split("/")[1]] += doubt.code == "missing"
            if number % STRIDE == 0 or number == total:
                self._progress(f"verified {number}{of} batches")

    def _task(self, replay: Replay, record: HeaderRecord) -> CheckTask:
        batch = self._mirror.batch(record.batch_id)
        keyring = self._mirror.keyring(record.batch_id)
        return CheckTask(
            record,
            batch,
            self._mirror.name(batch),
            keyring,
            self._mirror.name(keyring),
            keyring_of(replay, record),
        )

    def _is_much(self, records: Iterable[HeaderRecord]) -> bool:
        """Tell whether the batches are worth processes of their own."""
        left = SPREAD_FROM
        for record in records:
            with suppress(OSError):
                left -= self._mirror.batch(record.batch_id).stat().st_size
            if left <= 0:
                return True
        return False

    def _check_rest(self, replay: Replay) -> None:
        """Steps 9 to 11."""
        self._check_annexes(annexes_of(replay))
        self._result.doubts += check_held(self._mirror, self._config, replay)
        self._result.times = check_timestamps(self._mirror, self._config, replay)
        self._result.doubts += self._result.times.doubts

    def _check_annexes(self, digests: Iterable[str]) -> None:
        for digest in digests:
            path = self._mirror.annex(digest)
            self._result.doubts += check_digest(
                path,
                self._mirror.name(path),
                bytes.fromhex(digest),
                limit=limits.MAX_ANNEX,
                batch=None,
            )

    def _check_set(self) -> None:
        """Step 12: nothing is there that does not belong."""
        expected, counted = self._expected(), Counter[str]()
        free = FREE_FOLDERS if self._result.replay is None else ()
        found = []
        for name in self._files():
            if name in expected or name.startswith(free or "\0"):
                continue
            if free or not _BATCH_FILE.fullmatch(name):
                found.append(name)
            else:
                counted[name.partition("/")[0]] += 1
        if self._result.replay is not None:
            for folder in ("batches", "keyrings"):
                here = len(self._result.replay.accepted) - self._missing[folder]
                if counted[folder] != here:
                    found += self._unnamed(folder, self._result.replay)
        self._unexpected(found)

    def _unexpected(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            what = "does not belong in the mirror"
            self._result.doubts.append(Doubt(f"mirror/{name}", what, "unexpected"))

    def _unnamed(self, folder: str, replay: Replay) -> Iterator[str]:
        """Yield the batches or keyrings that the log does not name."""
        named = {bytes.fromhex(record.batch_id) for record in replay.accepted}
        for name in self._mirror.files(folder):
            found = _BATCH_FILE.fullmatch(name)
            if found is not None and bytes.fromhex(found[1]) not in named:
                yield name

    def _expected(self) -> set[str]:
        """Return the names that may be there, but for batches and keyrings: those are counted."""
        names = {"log/checkpoint", "held"}
        names.update(f"checkpoints/{kept.name}" for kept in kept_in(self._mirror))
        if self._result.signed is not None:
            size = self._result.signed.checkpoint.size
            names.update(f"log/{path}" for path in tiles.paths_for(size))
        if self._result.replay is not None:
            names.update(f"annexes/{digest}" for digest in annexes_of(self._result.replay))
            names |= self._result.times.names
        return names


def _as_doubt(index: int, finding: Finding) -> Doubt:
    items = f" of items {', '.join(map(str, finding.items))}" if finding.items else ""
    return Doubt(
        f"mirror/log, entry {index}",
        f"the office found {finding.code}{items}",
        finding.code,
        f"{finding.device}/{finding.epoch}/{finding.batch}",
        finding.items[0] if finding.items else None,
        excepted=True,
    )


def blame_entries(wrong: dict[str, str], size: int) -> str:
    """Name the bundle whose hashes differ from the tile beside it, when the root is wrong.

    The tiles were computed when the root still fitted, so that the entry is what was changed.
    """
    for path, what in wrong.items():
        tile = tiles.parse_tile_path(path)
        if tile.level == 0:
            bundle = tiles.entries_path(tile.index, tile.width)
            return f"mirror/log/{bundle}: an entry was changed: {what.replace('hash', 'entry')}"
    return f"mirror/log/tile: the entries below {size} do not give the root that the log signed"
