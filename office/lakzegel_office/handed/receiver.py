# SPDX-License-Identifier: EUPL-1.2
"""A folder of hand-overs in the place of a receiver (docs/spec/handover.md §2).

It is trusted no more than one: what comes from it is bytes, of bounded length, that `pull` judges.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lakzegel_core import limits, tiles
from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.timenames import Name
from lakzegel_core.timerenewal import MAX_LIST
from lakzegel_office import durable
from lakzegel_office.config import Config
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import (
    DoubtError,
    ForkedError,
    MissingError,
    RefusedError,
    UnreachableError,
)
from lakzegel_office.handed.folder import Folder
from lakzegel_office.handed.handovers import (
    CHECKPOINT,
    LATE,
    HandedOver,
    Survey,
    is_token,
    named,
    ready,
    refuse_unknown,
    survey,
)
from lakzegel_office.handed.replies import Replies
from lakzegel_office.home import Home
from lakzegel_office.mirror import MAX_BUNDLE, Mirror, read_limited
from lakzegel_office.replay import Replay
from lakzegel_office.transport import MAX_PAGE

LOOK: Final = 1.0  # seconds between two looks whether something new lies there


class FolderReceiver:
    """What lies in one folder during one pull."""

    def __init__(self, path: Path, home: Home, config: Config, replies: Path) -> None:
        """Keep where from and where to; nothing is looked at yet."""
        self._path = path
        self._home = home
        self._mirror = Mirror(home.mirror)
        self._config = config
        self._replies = Replies(replies, config)
        self._found = Survey((), (), ())
        self._open: Folder | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have the folder open for one pull, and what lies there now known.

        Raises:
            UnreachableError: it cannot be opened.
        """
        with Folder.open(self._path) as folder:
            self._found = survey(folder, time.time())
            self._open = folder
            try:
                yield
            finally:
                self._open = None

    @property
    def _folder(self) -> Folder:
        if self._open is None:
            raise UnreachableError(f"{self._path}: not open")
        return self._open

    def checkpoint(self) -> bytes:
        """Return the newest checkpoint that is reached without a gap."""
        size = self._mirrored()
        reached, _ = self._found.reach(size)
        for one in reversed(self._found.complete):
            if one.size == reached and one.start <= reached:
                return self._read_log(one, CHECKPOINT, limits.MAX_CHECKPOINT)
        if not size:
            raise UnreachableError(f"{self._path}: nothing is handed over yet")
        return read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT)

    def entries(self, path: str) -> bytes:
        """Return one bundle of log entries."""
        tile = tiles.parse_tile_path(path)
        for one in reversed(self._found.complete):
            name = one.bundle(tile)
            if name is not None:
                return self._read_log(one, name, MAX_BUNDLE)
        raise MissingError(f"{path}: in no hand-over")

    def batch(self, batch_id: str) -> Iterator[bytes]:
        """Yield the batch file in pieces."""
        name = f"{batch_id}.batch"
        one, hashed = self._having(name), hashlib.sha256()
        with self._folder.inside(one.name) as inner:
            for piece in inner.pieces(name, limits.MAX_BATCH):
                hashed.update(piece)
                yield piece
        _require_whole(one, name, hashed.hexdigest())

    def keyring(self, batch_id: str) -> bytes:
        """Return the keyring file."""
        return self._find(f"{batch_id}.keyring", limits.MAX_KEYRING)

    def annex(self, digest: str) -> bytes:
        """Return an annex."""
        return self._find(f"{digest}.annex", limits.MAX_ANNEX)

    def timestamps(self, since: int, after: str | None) -> bytes:
        """Return the list of all tokens that lie there."""
        del since, after  # all of them, on one page
        listed: dict[Name, object] = {}
        for one in self._found.complete:
            if "timestamps" in one.files:
                page = json.loads(self._read(one, "timestamps", MAX_PAGE))
                for entry in page["timestamps"]:
                    listed[Name.parse(str(entry["name"]))] = entry
        found = [listed[name] for name in sorted(listed)]
        return json.dumps({"timestamps": found, "more": False}).encode()

    def timestamp(self, file: str) -> bytes:
        """Return a file of a token."""
        return self._find(file, MAX_LIST)

    def send_annex(self, digest: str, data: bytes) -> None:
        """Put it where replies are."""
        self._replies.annex(digest, data)

    def send_cosignature(self, note: bytes) -> None:
        """Put it where replies are."""
        self._replies.cosignature(note)

    def send_held(self, note: bytes) -> None:
        """Put it where replies are."""
        self._replies.held(note)

    def send_note(self, note: bytes) -> None:
        """Put it where replies are."""
        self._replies.finding(note)

    def replace_keyring(self, batch_id: str, note: bytes, keyring: bytes) -> None:
        """Refuse: nobody would say when the old one is gone."""
        del note, keyring
        raise RefusedError(f"batch {batch_id}: a keyring is replaced at a receiver that answers")

    def wait(self, size: int, seconds: int) -> bool:
        """Return whether other hand-overs are complete than were at the pull, within so long."""
        del size
        until = time.monotonic() + seconds
        while True:
            with suppress(UnreachableError), Folder.open(self._path) as folder:
                if self._has_more(folder):
                    return True
            if time.monotonic() > until:
                return False
            time.sleep(LOOK)

    def _has_more(self, folder: Folder) -> bool:
        """Tell whether there are new names; what was incomplete is looked through once more."""
        if ready(folder) - self._found.ready:
            return True
        known = {one.name for one in self._found.complete}
        now = survey(folder, time.time()).complete if self._found.incomplete else ()
        return any(one.name not in known for one in now)

    # after a pull

    def doubts(self) -> list[Doubt]:
        """Return what is wrong with the folder itself."""
        found = []
        reached, gap = self._found.reach(self._mirrored())
        if gap is not None:
            what = (
                f"entries {reached} to {gap - 1} were not handed over; have the receiver's"
                f" administrator run: lakzegel-server handover --again {reached}"
            )
            found.append(Doubt("hand-overs", what, "gap"))
        for name, age in self._found.incomplete:
            if age > LATE:
                found.append(Doubt(f"hand-over {name}", "is not complete", "incomplete"))
        return found

    def acknowledge(self, replay: Replay, *, keep: bool) -> list[Doubt]:
        """Remove what is in the mirror; return what should be there and is not.

        Raises:
            DoubtError: a checkpoint there was signed by the log and is of another one.
        """
        found = []
        for leftover in () if keep else self._found.taken:
            self._folder.clear(leftover)
        for one in self._found.complete:
            if one.size > replay.size:
                continue
            absent = [name for name in sorted(one.files) if self._is_absent(name)]
            lacking = named(replay, absent) if absent else []
            lacking += [] if self._is_of_this_log(one, replay) else [CHECKPOINT]
            if lacking:
                what = f"stays, for {len(lacking)} of its files did not verify: {lacking[0]}"
                found.append(Doubt(f"hand-over {one.name}", what, "not-as-sealed"))
            elif not keep:
                self._folder.take_away(one.name)
        return found

    def _is_of_this_log(self, one: HandedOver, replay: Replay) -> bool:
        """Tell whether a checkpoint that was passed over holds.

        Raises:
            DoubtError: the log signed it, over another tree than is mirrored.
        """
        try:
            data = self._raw(one, CHECKPOINT, limits.MAX_CHECKPOINT)  # signed is signed
            found = open_checkpoint(data, self._config.log).checkpoint
        except (LakzegelError, MissingError):
            return False
        if found.size > replay.size or found.root == replay.root(found.size):
            return True
        kept = f"evidence/fork-{found.size}"
        durable.write_file(self._home.state / kept, data)
        raise ForkedError(
            f"fork: hand-over {one.name} has a signed log of {found.size} entries that is not the"
            f" mirrored one; kept as state/{kept}"
        )

    def _is_absent(self, name: str) -> bool:
        """Tell whether a file is none of the mirror's; it may be one that does not belong there."""
        stem, _, end = name.rpartition(".")
        places = {
            "batch": self._mirror.batch,
            "keyring": self._mirror.keyring,
            "annex": self._mirror.annex,
        }
        if end in places:
            return not places[end](stem).exists()
        return is_token(name) and not self._mirror.timestamp(name).exists()

    def _mirrored(self) -> int:
        try:
            data = read_limited(self._mirror.checkpoint, limits.MAX_CHECKPOINT)
            return open_checkpoint(data, self._config.log).checkpoint.size
        except (FileNotFoundError, LakzegelError):
            return 0

    def _having(self, name: str) -> HandedOver:
        refuse_unknown(name)
        for one in reversed(self._found.complete):
            if name in one.files:
                return one
        raise MissingError(f"{name}: in no hand-over")

    def _find(self, name: str, limit: int) -> bytes:
        return self._read(self._having(name), name, limit)

    def _read(self, one: HandedOver, name: str, limit: int) -> bytes:
        data = self._raw(one, name, limit)
        _require_whole(one, name, hashlib.sha256(data).hexdigest())
        return data

    def _raw(self, one: HandedOver, name: str, limit: int) -> bytes:
        """Return a file as it lies there."""
        with self._folder.inside(one.name) as inner:
            return inner.read(name, limit)

    def _read_log(self, one: HandedOver, name: str, limit: int) -> bytes:
        """Return a file without which there is no log to go by.

        Raises:
            DoubtError: it is not as it was handed over.
        """
        try:
            return self._read(one, name, limit)
        except MissingError as error:
            raise DoubtError(str(error)) from error


def _require_whole(one: HandedOver, name: str, digest: str) -> None:
    """Return when a file is as it was handed over; that proves nothing else.

    Raises:
        MissingError: it was damaged on its way, so that it is not there.
    """
    if digest != one.files[name]:
        raise MissingError(
            f"hand-over {one.name}: {name} was damaged on its way; have it carried again"
        )
