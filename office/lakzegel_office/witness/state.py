# SPDX-License-Identifier: EUPL-1.2
"""What a witness must never forget: the newest tree of each log that it cosigned.

One state for all who have the witness key: the server's threads, and a pull beside it. Whoever
reads it to cosign has the turn until the new tree is durable (docs/spec/witness.md §2).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import limits, note
from lakzegel_core.addcheckpoint import verify_log
from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import VerifierKey
from lakzegel_office import durable
from lakzegel_office.errors import DoubtError, ForkedError
from lakzegel_office.mirror import read_limited
from lakzegel_office.witness.folder import Folder

MAX_EVIDENCE: Final = 64  # files; whoever sends more proves nothing new


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that its log signed, with those lines alone."""

    checkpoint: Checkpoint
    data: bytes


class State:
    """The newest checkpoints; to be read for cosigning, or written, within a ``turn`` only."""

    def __init__(
        self,
        folder: Folder,
        logs: Mapping[str, Sequence[VerifierKey]],
        mirrored: Mapping[str, Path] | None = None,
    ) -> None:
        """Keep the logs' keys; ``mirrored`` is where a pull puts the newest of a log."""
        self.logs = logs
        self._folder = folder
        self._mirrored = mirrored or {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One at a time, of all threads and processes that have this folder."""
        self._folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with self._lock:
            descriptor = os.open(self._folder.lock, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                yield
            finally:
                os.close(descriptor)

    def cosigned(self, origin: str) -> Signed | None:
        """Return the newest checkpoint that was cosigned, None when none was.

        Raises:
            DoubtError: it cannot be read; that is not the same as none.
        """
        return self._read(self._folder.log(origin), origin)

    def newest(self, origin: str) -> Signed | None:
        """Return the larger of the newest cosigned and the newest mirrored checkpoint.

        Raises:
            DoubtError: one cannot be read, or they are two trees of one size.
        """
        cosigned, path = self.cosigned(origin), self._mirrored.get(origin)
        mirrored = self._read(path, origin) if path is not None else None
        if cosigned is None or mirrored is None:
            return cosigned or mirrored
        one, two = cosigned.checkpoint, mirrored.checkpoint
        if one.size == two.size and one.root != two.root:
            raise ForkedError(f"fork: one tree of {one.size} was cosigned, another one mirrored")
        return max(cosigned, mirrored, key=lambda signed: signed.checkpoint.size)

    def keep(self, signed: Signed) -> None:
        """Make this the newest cosigned checkpoint, durably."""
        path = self._folder.log(signed.checkpoint.origin)
        durable.write_file(path, signed.data)
        durable.sync_folders([path.parent, self._folder.root])

    def keep_evidence(self, signed: Signed) -> str:
        """Keep a signed checkpoint that does not fit; return where, in words for a message."""
        tree = signed.checkpoint
        path = self._folder.evidence / f"{tree.size}-{tree.root[:4].hex()}"
        kept = list(path.parent.iterdir()) if path.parent.is_dir() else []
        if path not in kept and len(kept) < MAX_EVIDENCE:
            durable.write_file(path, signed.data)
        return f"witness/evidence/{path.name}"

    def _read(self, path: Path, origin: str) -> Signed | None:
        try:
            data = read_limited(path, limits.MAX_CHECKPOINT)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DoubtError(f"{path}: {error.strerror}; the witness cannot go on") from error
        try:
            parsed = note.parse(data, max_size=limits.MAX_CHECKPOINT)
            own = verify_log(parsed, self.logs[origin])
            tree = Checkpoint.from_text(parsed.text)
        except LakzegelError as error:
            raise DoubtError(f"{path}: {error}; the witness cannot go on") from error
        if tree.origin != origin:
            raise DoubtError(f"{path}: of another log; the witness cannot go on")
        return Signed(tree, own)
