# SPDX-License-Identifier: EUPL-1.2
"""The mirrored checkpoints: strict where core must be lenient, and the times they prove.

A reader of notes passes lines of unknown keys over. In the mirror such a line would be bytes that
nothing covers, so that here every line is of a known key and valid, in one order: the log's
Ed25519 line, its ML-DSA-44 line, then cosignatures of this office and of named witnesses, sorted
by name and key id.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core import limits, note, tiles
from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError, LakzegelError, UnknownKeyError
from lakzegel_core.keys import VerifierKey
from lakzegel_office import durable
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.replay import Replay

KEEP_EVERY: Final = 600  # seconds of the log's time between two checkpoints that are kept


def strict(data: bytes, log: LogKeys, cosigners: Sequence[VerifierKey]) -> SignedCheckpoint:
    """Return a checkpoint of which every byte is covered.

    Raises:
        LakzegelError: a line is missing, invalid, of an unknown key or out of order.
    """
    signed = open_checkpoint(data, log, witnesses=cosigners)
    lines = note.parse(data, max_size=limits.MAX_CHECKPOINT).signatures
    known = {(key.name, key.key_id) for key in cosigners}
    for line, key in zip(lines, (log.ed25519, log.mldsa), strict=False):
        if (line.name, line.key_id) != (key.name, key.key_id):
            raise FormatError("checkpoint", "the log's two lines are not the first two")
    cosigned = [(line.name, line.key_id) for line in lines[2:]]
    for name, key_id in cosigned:
        if (name, key_id) not in known:
            raise UnknownKeyError(f"checkpoint: a line of {name}, which nothing names")
    if cosigned != sorted(cosigned):
        raise FormatError("checkpoint", "cosignatures are not sorted by name and key id")
    return signed


def normal(data: bytes, log: LogKeys, cosigners: Sequence[VerifierKey]) -> bytes:
    """Return a verified checkpoint without the lines that the mirror does not keep.

    Raises:
        LakzegelError: a line that it would keep does not hold.
    """
    parsed = note.parse(data, max_size=limits.MAX_CHECKPOINT)
    by_key = {(line.name, line.key_id): line for line in parsed.signatures}
    keys = [(key.name, key.key_id) for key in (log.ed25519, log.mldsa)]
    keys += sorted({(key.name, key.key_id) for key in cosigners})
    kept = tuple(by_key[key] for key in keys if key in by_key)
    result = note.Note(parsed.text, kept).to_bytes()
    strict(result, log, cosigners)
    return result


def office_cosigners(config: Config) -> tuple[VerifierKey, VerifierKey]:
    """Return this office's two cosigners."""
    return config.keys["witness"], config.keys["mirror"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept checkpoint's file name, `<size>-<size of the one kept before it>`."""

    size: int
    previous: int

    @property
    def name(self) -> str:
        """The file's name; it names its neighbour, so that a missing one shows."""
        return f"{self.size}-{self.previous}"

    @classmethod
    def from_name(cls, name: str) -> "Kept":
        """Return what a file name says.

        Raises:
            FormatError: it is none.
        """
        size, _, previous = name.partition("-")
        kept = cls(parse_decimal(size, what="size"), parse_decimal(previous, what="size"))
        if kept.previous >= kept.size or kept.name != name:
            raise FormatError("checkpoint", "its name is not <size>-<smaller size>")
        return kept


class Checkpoints:
    """The newest checkpoint, and the kept ones with the times they were signed."""

    def __init__(self, mirror: Mirror, config: Config, newest: SignedCheckpoint) -> None:
        """Keep where they lie; each is verified when it is first asked for."""
        self.newest = newest
        self._mirror = mirror
        self._config = config
        self._kept = kept_in(mirror)
        self._sizes = [kept.size for kept in self._kept]
        self._opened: dict[int, SignedCheckpoint] = {}

    @classmethod
    def load(cls, mirror: Mirror, config: Config) -> "Checkpoints":
        """Return what the mirror holds; the newest's cosignatures are judged later.

        Raises:
            DoubtError: the newest does not verify.
        """
        try:
            data = read_limited(mirror.checkpoint, limits.MAX_CHECKPOINT)
            newest = open_checkpoint(data, config.log)
        except FileNotFoundError:
            raise DoubtError("mirror/log/checkpoint: missing; run pull") from None
        except LakzegelError as error:
            raise DoubtError(f"mirror/log/checkpoint: {error}") from error
        return cls(mirror, config, newest)

    def signed_at(self, size: int) -> int | None:
        """Return a POSIX time before which no log of that size was signed, or None.

        A kept checkpoint that does not verify tells no time; `check` names it.
        """
        place = bisect_right(self._sizes, size)
        try:
            return self._open(self._kept[place - 1]).signed_at if place else None
        except DoubtError:
            return None

    def signed_after(self, size: int) -> int | None:
        """Return when the smallest kept log of more than that size was signed, or None."""
        try:
            signed = self.oldest_above(size)
        except DoubtError:
            return None
        return signed.signed_at if signed is not None else None

    def newest_up_to(self, size: int) -> SignedCheckpoint | None:
        """Return the largest kept checkpoint of at most that size, or None."""
        place = bisect_right(self._sizes, size)
        return self._open(self._kept[place - 1]) if place else None

    def oldest_above(self, size: int) -> SignedCheckpoint | None:
        """Return the smallest kept checkpoint of more than that size, or None."""
        place = bisect_right(self._sizes, size)
        return self._open(self._kept[place]) if place < len(self._kept) else None

    def check(self, replay: Replay, since: int = 0) -> Iterator[Doubt]:
        """Yield the kept checkpoints that are missing, broken, or not of this log.

        Of those above the last one of at most `since` entries alone.
        """
        newest, first = self.newest.checkpoint.size, bisect_right(self._sizes, since)
        before = self._sizes[first - 1] if first else 0
        if self._sizes and self._sizes[-1] > newest:
            what = f"of {newest} entries, and {self._sizes[-1]} were mirrored; an older one"
            yield Doubt("mirror/log/checkpoint", what, "set-back")
        if newest and newest not in self._sizes:
            yield Doubt(f"mirror/checkpoints/{newest}-", "missing; run pull", "missing")
        for kept in self._kept[first:]:
            if kept.previous != before:
                missing = max(before, kept.previous)
                yield Doubt(f"mirror/checkpoints/{missing}-", "missing, or one too many", "missing")
            before = kept.size
            yield from self._check_kept(kept, replay)

    def check_between(self, replay: Replay, first: int, upto: int) -> Iterator[Doubt]:
        """Yield the same of those of more than `first` and at most `upto` entries."""
        for kept in self._kept[bisect_right(self._sizes, first) : bisect_right(self._sizes, upto)]:
            yield from self._check_kept(kept, replay)

    def _check_kept(self, kept: Kept, replay: Replay) -> Iterator[Doubt]:
        try:
            checkpoint = self._open(kept).checkpoint
        except DoubtError as error:
            name, _, what = str(error).partition(": ")
            yield Doubt(name, what)
            return
        name = f"mirror/checkpoints/{kept.name}"
        if checkpoint.size > replay.size:
            yield Doubt(name, f"the log below mirror/log ends at {replay.size}", "fork")
        elif checkpoint.root != replay.root(checkpoint.size):
            yield Doubt(name, "the log had another root at that size: a fork", "fork")

    def _open(self, kept: Kept) -> SignedCheckpoint:
        if kept.size not in self._opened:
            path = self._mirror.checkpoints / kept.name
            try:
                signed = strict(read_limited(path, limits.MAX_CHECKPOINT), self._config.log, ())
            except (LakzegelError, DoubtError, OSError) as error:
                raise DoubtError(f"mirror/checkpoints/{kept.name}: {error}") from error
            if signed.checkpoint.size != kept.size:
                what = f"a checkpoint of size {signed.checkpoint.size} lies under this name"
                raise DoubtError(f"mirror/checkpoints/{kept.name}: {what}")
            self._opened[kept.size] = signed
        return self._opened[kept.size]


def keep_checkpoint(mirror: Mirror, config: Config, signed: SignedCheckpoint) -> None:
    """Make this checkpoint the newest, and drop the one before where it proves no other time.

    A pull every few seconds would else keep thousands a day, minutes apart.
    """
    known = kept_in(mirror)
    size = signed.checkpoint.size
    dropped = None
    if size and (not known or known[-1].size < size):
        last = known[-1] if known else Kept(0, 0)
        if last.previous and _minutes_apart(Checkpoints(mirror, config, signed), last):
            dropped, last = last, Kept(last.previous, 0)
        kept = Kept(size, last.size)
        durable.write_file(mirror.checkpoints / kept.name, normal(signed.data, config.log, ()))
    data = normal(signed.data, config.log, office_cosigners(config))
    durable.write_file(mirror.checkpoint, data)
    if dropped is not None:
        (mirror.checkpoints / dropped.name).unlink()


def tidy_checkpoints(mirror: Mirror, newest: int) -> None:
    """Remove what an interrupted `keep_checkpoint` left: half, too new, or not yet dropped."""
    for half in mirror.checkpoints.glob(f"*{durable.TEMPORARY}"):
        half.unlink()
    followed: dict[int, Kept] = {}
    for kept in kept_in(mirror):
        surplus = kept if kept.size > newest else followed.get(kept.previous)
        if surplus is not None:
            (mirror.checkpoints / surplus.name).unlink()
        if kept.size <= newest:
            followed[kept.previous] = kept


def _minutes_apart(checkpoints: Checkpoints, kept: Kept) -> bool:
    """Tell whether a kept checkpoint was signed soon after the one before it."""
    one, two = checkpoints.signed_at(kept.previous), checkpoints.signed_at(kept.size)
    return one is not None and two is not None and two < one + KEEP_EVERY


def kept_in(mirror: Mirror) -> list[Kept]:
    """Return the kept checkpoints by size; what is not named like one is left to the closed set."""
    if not mirror.checkpoints.is_dir():
        return []
    kept = []
    for path in mirror.checkpoints.iterdir():
        try:
            kept.append(Kept.from_name(path.name))
        except FormatError:
            continue
    return sorted(kept, key=lambda one: (one.size, one.previous))


def replay_mirror(mirror: Mirror, config: Config) -> Replay:
    """Return the mirrored log, replayed, its root that of the newest checkpoint.

    Raises:
        UsageError: nothing was pulled yet.
        DoubtError: checkpoint or entries do not verify.
    """
    if not mirror.checkpoint.exists():
        raise UsageError(f"{mirror.root}: no mirror yet; run: lakzegel-office pull")
    checkpoints = Checkpoints.load(mirror, config)
    replay = Replay.start(config, mirror, checkpoints.signed_at)
    newest = checkpoints.newest.checkpoint
    replay.roots.anchor(newest.size, newest.root)
    while replay.size < newest.size:
        for entry in read_bundle(mirror, replay.size // tiles.WIDTH, newest.size):
            replay.feed(entry)
    if replay.root(newest.size) != newest.root:
        raise DoubtError("mirror/log: not the log that was signed; run: lakzegel-office verify")
    return replay
