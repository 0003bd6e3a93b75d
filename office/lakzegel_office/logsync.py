# SPDX-License-Identifier: EUPL-1.2
"""Bringing the log into the mirror: only entries are fetched, every hash is computed here.

1. The served checkpoint carries both signatures of the log (core).
2. It is not smaller than the newest mirrored or cosigned one, and not another root at that size.
3. The new entries, appended to the mirrored tree, give exactly its root. That proves that the log
   only grew, without asking the receiver for a proof.
4. Tiles first, then the checkpoint, then the narrower tiles go: after a crash the next pull
   starts from the old checkpoint with everything that it needs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from lakzegel_core import limits, tiles
from lakzegel_core.checkpoint import Checkpoint, SignedCheckpoint, open_checkpoint
from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_office import durable
from lakzegel_office.checkpoints import keep_checkpoint, tidy_checkpoints
from lakzegel_office.config import Config
from lakzegel_office.edge import belongs, too_many
from lakzegel_office.errors import DoubtError, ForkedError
from lakzegel_office.home import Home
from lakzegel_office.index import replace_cache
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.transport import Receiver
from lakzegel_office.witness.parties import office_state
from lakzegel_office.witness.state import MAX_EVIDENCE, Signed

_TIDIED: Final = "tidied"  # below state/: the size at which the log was tidied last
_MAX_TIDIED: Final = 32  # bytes
STEP: Final = 16 * tiles.WIDTH  # entries that are in memory at a time


class LogSync:
    """The log's part of a pull."""

    def __init__(self, home: Home, config: Config, receiver: Receiver) -> None:
        """Keep where from and where to."""
        self._home = home
        self._mirror = Mirror(home.mirror)
        self._config = config
        self._receiver = receiver
        self._witness = office_state(home, config)
        self._tidied: int | None = None  # the size at which there were no other tiles

    def newest(self) -> SignedCheckpoint | None:
        """Return the newest mirrored checkpoint, verified again, or None before the first pull.

        Raises:
            LakzegelError: it is not what was written.
        """
        try:
            data = read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT)
        except FileNotFoundError:
            return None
        return open_checkpoint(data, self._config.log)

    def advance(self) -> SignedCheckpoint:
        """Mirror the log up to the served checkpoint and return that.

        Raises:
            ForkedError: a rollback or a fork; the evidence is kept below `state/evidence/`.
            DoubtError: what is served is no checkpoint of this log, or no entries of it.
            UnreachableError: the receiver does not answer.
        """
        with self._witness.turn():  # asked first: what comes after may have been cosigned since
            cosigned = self._witness.cosigned(self._config.origin)
        data = self._receiver.checkpoint()
        try:
            served = open_checkpoint(data, self._config.log)
        except LakzegelError as error:
            kept = self._keep_evidence("checkpoint-unproven", data)
            text = f"the receiver's checkpoint does not verify: {error}; kept as {kept}"
            raise DoubtError(text) from error
        mirrored = self.newest()
        if mirrored is not None:
            self._refuse_other_past(mirrored.checkpoint, "the mirror proves", served)
        if cosigned is not None:
            self._refuse_other_past(cosigned.checkpoint, "this office cosigned", served)
        old = mirrored.checkpoint.size if mirrored is not None else 0
        if mirrored is None or served.checkpoint.size > old:
            self._extend(old, served, cosigned)
        return served

    def tidy(self) -> None:
        """Remove the tiles of other sizes, and half files, that an interrupted pull left."""
        for place in (self._mirror.checkpoint, self._mirror.held):
            place.with_name(place.name + durable.TEMPORARY).unlink(missing_ok=True)
        mirrored = self.newest()
        size = mirrored.checkpoint.size if mirrored is not None else 0
        tidy_checkpoints(self._mirror, size)
        for path in self._surplus(size):
            self._mirror.tile(path).unlink()
            _drop_empty(self._mirror.tile(path).parent)
        if self._tidied != size:
            replace_cache(self._home.state / _TIDIED, b"%d\n" % size)
            self._tidied = size

    def _surplus(self, size: int) -> list[str]:
        """Return the tiles that are not of this size, in the order in which they may go.

        Beyond where the log was tidied last nothing is looked at; where nobody knows, everything.
        """
        if self._tidied is None:
            self._tidied = _read_size(self._home.state / _TIDIED)
        if self._tidied is not None and self._tidied <= size:
            return too_many(self._mirror, self._tidied, size)
        paths = [name.removeprefix("log/") for name in self._mirror.files("log")]
        found = [path for path in paths if _is_tile(path) and not belongs(path, size)]
        return sorted(found, key=lambda path: tiles.parse_tile_path(path).index, reverse=True)

    def _refuse_other_past(self, old: Checkpoint, whose: str, served: SignedCheckpoint) -> None:
        new = served.checkpoint
        if new.size < old.size:
            kept = self._keep_evidence(f"rollback-{new.size}", served.data)
            raise ForkedError(
                f"rollback: the receiver serves a log of {new.size} entries, {whose} "
                f"{old.size}; both checkpoints are signed; kept as {kept}"
            )
        if new.size == old.size and new.root != old.root:
            kept = self._keep_evidence(f"fork-{new.size}", served.data)
            raise ForkedError(
                f"fork: the receiver signed two different logs of {new.size} entries, "
                f"{whose} another; kept as {kept}"
            )

    def _extend(self, old: int, served: SignedCheckpoint, cosigned: Signed | None) -> None:
        """Fetch, compute, compare, and only then bring into place."""
        new = served.checkpoint
        staging = _Staging(self._home.fresh_incoming(), self._mirror.read_log)
        size, root = old, tiles.HashReader(old, self._mirror.read_log).root()
        while size < new.size:
            upto = min(new.size, (size // STEP + 1) * STEP)
            update = tiles.new_tiles(size, self._fetch(size, upto, new.size), staging.read)
            staging.keep(update.files)
            size, root = update.size, update.root
        if root != new.root:
            kept = self._keep_evidence(f"fork-{new.size}", served.data)
            raise ForkedError(
                f"fork: the entries below {new.size} do not give the signed root, or the log of "
                f"{old} entries was rewritten; kept as {kept} beside mirror/log/checkpoint"
            )
        if cosigned is not None:
            before = cosigned.checkpoint
            if tiles.HashReader(new.size, staging.read).root(before.size) != before.root:
                kept = self._keep_evidence(f"fork-{new.size}", served.data)
                raise ForkedError(
                    f"fork: this office cosigned another log of {before.size} entries than the "
                    f"receiver serves; kept as {kept} beside the one below witness/logs"
                )
        staging.settle(new.size, self._mirror.tile)
        keep_checkpoint(self._mirror, self._config, served)
        self.tidy()

    def _fetch(self, first: int, upto: int, size: int) -> list[bytes]:
        """Return entries `first` to `upto` of a log of `size`, bundle by bundle."""
        entries: list[bytes] = []
        for bundle in range(first // tiles.WIDTH, -(-upto // tiles.WIDTH)):
            width = min(tiles.WIDTH, size - bundle * tiles.WIDTH)
            path = tiles.entries_path(bundle, width)
            try:
                found = tiles.decode_entries(self._receiver.entries(path), width=width)
            except LakzegelError as error:
                raise DoubtError(f"log/{path}: the receiver's entries: {error}") from error
            start = max(0, first - bundle * tiles.WIDTH)
            entries += found[start : upto - bundle * tiles.WIDTH]
        return entries

    def _keep_evidence(self, name: str, data: bytes) -> str:
        """Keep what the receiver served; return where, in words for a message."""
        path = self._home.state / "evidence" / name
        kept = list(path.parent.iterdir()) if path.parent.is_dir() else []
        if path not in kept and len(kept) >= MAX_EVIDENCE:  # more of the same proves nothing new
            return f"nothing: {len(kept)} files are in state/evidence"
        durable.write_file(path, data)
        return f"state/evidence/{name}"


class _Staging:
    """Tiles that were computed but are not proven yet."""

    def __init__(self, folder: Path, mirrored: Callable[[str], bytes]) -> None:
        self._folder = folder
        self._mirrored = mirrored
        self._names: dict[str, None] = {}

    def read(self, path: str) -> bytes:
        """Return a tile from here, else from the mirror."""
        if path in self._names:
            return (self._folder / path).read_bytes()
        return self._mirrored(path)

    def keep(self, files: dict[str, bytes]) -> None:
        """Put computed files aside."""
        for name, data in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self._names[name] = None

    def settle(self, size: int, place: Callable[[str], Path]) -> None:
        """Bring the files of the new size to their places, durably, in rising order."""
        for name in self._names:
            if belongs(name, size):
                durable.settle(self._folder / name, place(name))


def _read_size(path: Path) -> int | None:
    """Return the number that a file has; it may be thrown away."""
    try:
        text = read_limited(path, _MAX_TIDIED).decode("ascii")
    except (OSError, DoubtError, UnicodeDecodeError):
        return None
    return int(text) if text.strip().isdecimal() and text.endswith("\n") else None


def _is_tile(path: str) -> bool:
    try:
        tiles.parse_tile_path(path)
    except FormatError:
        return False
    return True


def _drop_empty(folder: Path) -> None:
    """Remove the folders that a removed partial tile leaves empty."""
    try:
        folder.rmdir()
    except OSError:
        return
    _drop_empty(folder.parent)
