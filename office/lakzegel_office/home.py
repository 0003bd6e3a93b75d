# SPDX-License-Identifier: EUPL-1.2
"""Where everything lies below the office's home folder, and that one command changes it at a time.

office.toml            public: whom this office trusts, its own public keys, the receiver
keys/NAME.age          private keys; `master.age` opens with the passphrase, it opens the rest
notes/                 what was signed here: delegation, admissions, policies
mirror/                the evidence; a closed set of files, docs/spec/mirror.md
disposals/N-M/         certificates, extracts and entries of destruction list N; disposal.md
records/               journals of what was decided and done; docs/spec/journal.md
witness/               the newest tree that was cosigned; docs/spec/witness.md §6
replies/               what is to be carried to a receiver that hands over by folder
state/                 may be thrown away: index, marks of what was opened, temporary files
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_office.errors import BusyError, UsageError
from lakzegel_office.locking import ALONE, is_locked

PATIENCE: Final = 60.0  # seconds that a command waits for its turn; most pulls are shorter


@dataclass(frozen=True, slots=True)
class Home:
    """The paths below one office's home."""

    root: Path

    @classmethod
    def open(cls, root: Path) -> "Home":
        """Return the home that `init` made at `root`.

        Raises:
            UsageError: there is none.
        """
        home = cls(root)
        if not home.config.is_file():
            raise UsageError(
                f"{root}: no office.toml here; run: lakzegel-office init --home {root}"
            )
        return home

    @property
    def config(self) -> Path:
        """The public configuration."""
        return self.root / "office.toml"

    @property
    def keys(self) -> Path:
        """The folder of private keys."""
        return self.root / "keys"

    @property
    def notes(self) -> Path:
        """The folder of notes signed here."""
        return self.root / "notes"

    @property
    def mirror(self) -> Path:
        """The folder of evidence."""
        return self.root / "mirror"

    @property
    def records(self) -> Path:
        """The folder of journals, docs/spec/journal.md: what was decided and done here."""
        return self.root / "records"

    @property
    def disposals(self) -> Path:
        """The folder of certificates and extracts, docs/spec/disposal.md."""
        return self.root / "disposals"

    @property
    def selection(self) -> Path:
        """The selection list, docs/spec/disposal.md §2."""
        return self.root / "selection.toml"

    @property
    def state(self) -> Path:
        """The folder of what can be made again."""
        return self.root / "state"

    @property
    def incoming(self) -> Path:
        """The folder of what is not yet whole or not yet proven."""
        return self.state / "incoming"

    @property
    def replies(self) -> Path:
        """The folder of statements that somebody carries to the receiver."""
        return self.root / "replies"

    @contextmanager
    def exclusive(self, patience: float = PATIENCE) -> Iterator[None]:
        """Hold the home for one command that changes the mirror.

        Raises:
            BusyError: another command holds it, for longer than `patience` seconds.
        """
        with self._lock("lock", "another command changes the mirror", patience):
            yield

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Have nobody change the mirror meanwhile, as far as that can be had.

        A home that cannot be written to has no pulls; one that is held for longer than PATIENCE is
        looked at as it is.
        """
        with ExitStack() as stack:
            with suppress(BusyError, OSError):
                stack.enter_context(self.exclusive())
            yield

    @contextmanager
    def following(self) -> Iterator[None]:
        """Be the one `pull --follow` of this home; it holds the mirror only while it pulls.

        Raises:
            BusyError: there is another one.
        """
        with self._lock("follow.lock", "another pull --follow is at work here", 0):
            yield

    @contextmanager
    def changing_keys(self) -> Iterator[None]:
        """Hold the keys and `office.toml` for one command that changes them; pulls go on.

        Raises:
            BusyError: another command holds them.
        """
        with self._lock("keys.lock", "another command changes the keys", 0):
            yield

    @contextmanager
    def _lock(self, name: str, why: str, patience: float) -> Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.state / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not is_locked(descriptor, ALONE, patience=patience):
                raise BusyError(f"{self.root}: {why}; wait for it")
            yield
        finally:
            os.close(descriptor)

    def fresh_incoming(self) -> Path:
        """Return the folder for unfinished files, emptied of what a crash left."""
        shutil.rmtree(self.incoming, ignore_errors=True)
        self.incoming.mkdir(parents=True, mode=0o700)
        return self.incoming
