# SPDX-License-Identifier: EUPL-1.2
"""The mirrored checkpoints: strict where core must be lenient, and the times they prove.

A reader of notes passes lines of unknown keys over. In the mirror such a line would be bytes that
nothing covers, so that here every line is of a known key and valid, in one order: the log's
Ed25519 line, its ML-DSA-44 line, then cosignatures of this office and of named witnesses, sorted
by name and key id.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from lakzegel_core import limits, note, tiles
from lakzegel_core.checkpoint import LogKeys, SignedCheckpoint, open_checkpoint
from lakzegel_core.encoding import parse_decimal
from lakzegel_core.errors import FormatError, LakzegelError, UnknownKeyError
from lakzegel_core.keys import VerifierKey

from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.replay import Replay


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


class Checkpoints:
    """The newest checkpoint and the earlier ones, each with the time it was signed."""

    def __init__(
        self, newest: SignedCheckpoint, earlier: Iterable[SignedCheckpoint], doubts: list[Doubt]
    ) -> None:
        """Keep verified checkpoints."""
        self.newest = newest
        self.doubts = doubts
        self._earlier = sorted(earlier, key=lambda signed: signed.checkpoint.size)
        self._sizes = [signed.checkpoint.size for signed in self._earlier]

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
        doubts: list[Doubt] = []
        earlier = []
        for size in sizes_of(mirror):
            try:
                earlier.append(_load_earlier(mirror, config, size))
            except (LakzegelError, DoubtError) as error:
                code = error.code if isinstance(error, LakzegelError) else "doubt"
                doubts.append(Doubt(f"mirror/checkpoints/{size}", str(error), code))
        return cls(newest, earlier, doubts)

    def signed_at(self, size: int) -> int | None:
        """Return a POSIX time before which no log of that size was signed, or None."""
        place = bisect_right(self._sizes, size)
        return self._earlier[place - 1].signed_at if place else None

    def compare(self, replay: Replay) -> Iterable[Doubt]:
        """Yield the checkpoints that are not of this log: proof of two views."""
        if self.newest.checkpoint.size not in self._sizes:
            size = self.newest.checkpoint.size
            yield Doubt(f"mirror/checkpoints/{size}", "missing; run pull", "missing")
        for signed in self._earlier:
            checkpoint = signed.checkpoint
            name = f"mirror/checkpoints/{checkpoint.size}"
            if checkpoint.size > replay.size:
                yield Doubt(name, f"the log below mirror/log ends at {replay.size}", "fork")
            elif checkpoint.root != replay.root(checkpoint.size):
                yield Doubt(name, "the log had another root at that size: a fork", "fork")


def sizes_of(mirror: Mirror) -> list[int]:
    """Return the sizes that have a checkpoint of their own, ascending."""
    if not mirror.checkpoints.is_dir():
        return []
    sizes = []
    for path in mirror.checkpoints.iterdir():
        try:
            sizes.append(parse_decimal(path.name, what="size"))
        except FormatError:
            continue  # the closed set names it
    return sorted(sizes)


def _load_earlier(mirror: Mirror, config: Config, size: int) -> SignedCheckpoint:
    try:
        data = read_limited(mirror.earlier(size), limits.MAX_CHECKPOINT)
    except OSError as error:
        raise DoubtError(f"cannot be read: {error.strerror}") from error
    signed = strict(data, config.log, ())
    if signed.checkpoint.size != size:
        raise DoubtError(f"a checkpoint of size {signed.checkpoint.size} lies under this name")
    return signed


def replay_mirror(mirror: Mirror, config: Config) -> Replay:
    """Return the mirrored log, replayed, its root that of the newest checkpoint.

    Raises:
        UsageError: nothing was pulled yet.
        DoubtError: checkpoint or entries do not verify.
    """
    if not mirror.checkpoint.exists():
        raise UsageError(f"{mirror.root}: no mirror yet; run: lakzegel-office pull")
    checkpoints = Checkpoints.load(mirror, config)
    replay = Replay.start(config, checkpoints.signed_at)
    newest = checkpoints.newest.checkpoint
    while replay.size < newest.size:
        for entry in read_bundle(mirror, replay.size // tiles.WIDTH, newest.size):
            replay.feed(entry)
    if replay.root(newest.size) != newest.root:
        raise DoubtError("mirror/log: not the log that was signed; run: lakzegel-office verify")
    return replay
