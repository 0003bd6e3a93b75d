# SPDX-License-Identifier: EUPL-1.2
"""Becoming the log again that the office saw, byte for byte (docs/spec/recovery.md §4, 1 to 4).

Every step is committed on its own, so that a start after a crash goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from lakzegel_core.checkpoint import Checkpoint, SignedCheckpoint
from lakzegel_core.cosignature import verify_cosignature
from lakzegel_core.errors import ConsistencyError, LakzegelError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.merkle import Frontier, leaf_hash, verify_consistency
from lakzegel_core.note import Note, parse
from lakzegel_core.tiles import WIDTH, HashReader, decode_entries, entries_path
from lakzegel_server.cosigners import cosigners
from lakzegel_server.errors import DamageError
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.asking import NoAnswerError
from lakzegel_server.recovery.sources import Office

STEP: Final = 16 * WIDTH  # entries that are in memory at a time


class ForkFoundError(Exception):
    """The log signed this checkpoint, and it does not belong to the tree that DATA has."""

    def __init__(self, signed: SignedCheckpoint) -> None:
        super().__init__(f"another log of {signed.checkpoint.size} entries")
        self.signed = signed


def compare(log: LogState, office: Office, signed: SignedCheckpoint) -> HashReader:
    """A reader of the office's hash tiles, once its tree and ours are one log.

    Raises:
        ForkFoundError: they are proven not to be.
        NoAnswerError: the office's tiles prove nothing.
    """
    theirs, ours = signed.checkpoint, log.edge()
    reader = HashReader(theirs.size, office.tile)
    if theirs.size <= ours.size:
        if proven_root(log, theirs.size) != theirs.root:
            raise ForkFoundError(signed)
        return reader
    beginning = _proven(reader, theirs, ours.size)
    if beginning != ours.root():
        raise ForkFoundError(signed)
    return reader


def follow(
    log: LogState, office: Office, signed: SignedCheckpoint, stopping: Callable[[], bool]
) -> bool:
    """Whether the log is whole now; False when it was told to stop before.

    Raises:
        ForkFoundError: the office's log is not the continuation of ours.
        NoAnswerError: the office cannot give what it should have, now.
        BusyError, DamageError, OSError, FAILURES: it cannot be taken over here.
    """
    target = signed.checkpoint
    log.complete()  # what was committed before a disk was full, or before this process ended
    reader = compare(log, office, signed)
    edge = log.edge()
    while edge.size < target.size:
        if stopping():
            return False
        upto = min(target.size, (edge.size // STEP + 1) * STEP)
        entries = list(_fetch(office, edge.size, upto, target.size))
        for entry in entries:
            edge.append(leaf_hash(entry))
        if _proven(reader, target, upto) != edge.root():
            raise NoAnswerError(f"entries below {upto} are not those that the log signed")
        log.take_over(entries)
    if log.shown.checkpoint != target and log.edge().size == target.size:
        log.show_as(_known_lines(log, signed))
    return True


def proven_root(log: LogState, size: int) -> bytes:
    """The root that our log had, proven to the committed one: a tile that rotted is no fork.

    Raises:
        DamageError: our tiles prove none.
    """
    ours = log.edge()
    try:
        return _proven(log.store.reader(ours.size), Checkpoint("", ours.size, ours.root()), size)
    except (NoAnswerError, FileNotFoundError):
        raise DamageError(
            f"log: its tiles do not prove the root of the first {size} entries;"
            " run 'lakzegel-server check'"
        ) from None


def _proven(reader: HashReader, tree: Checkpoint, size: int) -> bytes:
    """The root of the first ``size`` entries, as the signed tree has it.

    Raises:
        NoAnswerError: the tiles do not prove one.
    """
    if size == 0:
        return Frontier().root()
    try:
        root = reader.root(size)
        verify_consistency(
            old_size=size,
            new_size=tree.size,
            old_root=root,
            new_root=tree.root,
            proof=reader.consistency(size),
        )
    except ConsistencyError:
        raise NoAnswerError(f"the tiles do not give the log of {tree.size}") from None
    except LakzegelError as error:
        raise NoAnswerError(f"the tiles: {error}") from None
    return root


def _fetch(office: Office, start: int, upto: int, size: int) -> Iterator[bytes]:
    """Entries ``start`` to ``upto`` of a mirrored log of ``size``."""
    for bundle in range(start // WIDTH, -(-upto // WIDTH)):
        width = min(WIDTH, size - bundle * WIDTH)
        path = entries_path(bundle, width)
        try:
            found = decode_entries(office.tile(path), width=width)
        except LakzegelError as error:
            raise NoAnswerError(f"{path}: {error}") from None
        yield from found[max(0, start - bundle * WIDTH) : upto - bundle * WIDTH]


def _known_lines(log: LogState, signed: SignedCheckpoint) -> bytes:
    """The checkpoint with the log's lines, and those that hold of cosigners whom the log names."""
    note = parse(signed.data, max_size=MAX_CHECKPOINT)
    own = {(key.name, key.key_id) for key in (log.keys.ed25519, log.keys.mldsa)}
    with log.looking() as custody:
        known = cosigners(custody)
    kept = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if (line.name, line.key_id) in own:
            kept.append(line)
        elif key is not None:
            try:
                verify_cosignature(signed.checkpoint, line, key)
            except LakzegelError:
                continue
            kept.append(line)
    return Note(note.text, tuple(kept)).to_bytes()
