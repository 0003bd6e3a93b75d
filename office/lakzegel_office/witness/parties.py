# SPDX-License-Identifier: EUPL-1.2
"""Making a witness: of an office's home, or of a key and the keys of logs alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_core.checkpoint import peek_checkpoint
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_core.tiles import HashReader
from lakzegel_office import durable
from lakzegel_office.config import Config
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror
from lakzegel_office.witness.cosigning import RootAt
from lakzegel_office.witness.folder import Folder
from lakzegel_office.witness.mirrorlog import read_checkpoint, read_tile
from lakzegel_office.witness.state import State

MAX_FILE: Final = 65_536  # bytes of a file of keys
SEED: Final = 32  # bytes


def office_state(home: Home, config: Config) -> State:
    """Return the state of the office's own witness key."""
    keys = (config.log.ed25519, config.log.mldsa)
    mirrored = {config.origin: Mirror(home.mirror).checkpoint}
    return State(Folder.below(home.root), {config.origin: keys}, mirrored)


def mirrored_root(mirror: Mirror) -> RootAt:
    """Return what tells the root that the mirrored log had at a size, None beyond it."""

    def root_at(size: int) -> bytes | None:
        try:
            newest = peek_checkpoint(read_checkpoint(mirror)).size
            if size > newest:
                return None
            return HashReader(newest, lambda path: read_tile(mirror, path)).root(size)
        except (OSError, LakzegelError, DoubtError):
            return None

    return root_at


def new_key(folder: Folder, name: str) -> VerifierKey:
    """Make the key of a witness without an office.

    Raises:
        UsageError: there is one already, or the name is none.
    """
    try:
        key = SigningKey.from_seed(name, Algorithm.ED25519_COSIGNATURE, os.urandom(SEED))
    except LakzegelError as error:
        raise UsageError(f"--new-key {name}: {error}") from None
    folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        durable.write_new(folder.key, f"{key.to_text()}\n".encode())
    except FileExistsError:
        raise UsageError(f"{folder.key}: there is a key here already; it stays") from None
    return key.verifier


def read_key(folder: Folder) -> SigningKey:
    """Return the key that ``new_key`` made.

    Raises:
        UsageError: it is not there, is open to others, or is no cosigner's key.
    """
    try:
        if folder.key.stat().st_mode & 0o077:
            raise UsageError(f"{folder.key}: others can open it; take their permissions away")
        key = SigningKey.from_text(folder.key.read_text("utf-8").removesuffix("\n"))
    except FileNotFoundError:
        raise UsageError(f"{folder.key}: no key here; run witness --new-key NAME") from None
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise UsageError(f"{folder.key}: not a signing key: {error}") from None
    if key.verifier.algorithm is Algorithm.ED25519:
        raise UsageError(f"{folder.key}: not a cosigner's key")
    return key


def read_logs(paths: Sequence[Path]) -> dict[str, tuple[VerifierKey, ...]]:
    """Return the logs' keys by origin, of files with a verifier key a line.

    Raises:
        UsageError: a file cannot be read or holds something else.
    """
    found: dict[str, tuple[VerifierKey, ...]] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                lines = file.read(MAX_FILE).decode("utf-8").split()
            keys = [VerifierKey.from_text(line) for line in lines]
        except (OSError, UnicodeDecodeError, LakzegelError) as error:
            raise UsageError(f"{path}: not a file of a log's keys: {error}") from None
        if not keys or any(key.algorithm is Algorithm.ED25519_COSIGNATURE for key in keys):
            raise UsageError(f"{path}: holds no key of a log, or one of a witness")
        for key in keys:
            found[key.name] = (*found.get(key.name, ()), key)
    return found
