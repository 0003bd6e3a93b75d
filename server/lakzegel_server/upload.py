# SPDX-License-Identifier: EUPL-1.2
"""One upload on its way to the disk: verified byte by byte, written beside, moved when whole.

For worker threads: every method may block, and one is called at a time.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core.batch import BatchStream, Fed, Header, batch_id, open_header, peek_header
from lakzegel_core.custody_state import DeviceState
from lakzegel_core.errors import (
    DigestMismatchError,
    LakzegelError,
    SizeMismatchError,
)
from lakzegel_core.limits import MAX_KEYRING
from lakzegel_server import durable
from lakzegel_server.blockfile import BlockFile
from lakzegel_server.errors import ClashError
from lakzegel_server.index.engine import FAILURES
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.register import Register
from lakzegel_server.rekeying import placing
from lakzegel_server.sealable import require_seen
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Moves
from lakzegel_server.stores.stores import Stores

UNKNOWN: Final = "-"
_log: Final = logging.getLogger(__name__)


class AlreadySealedError(Exception):
    """The very same batch is in the log, at ``index``, and its files are here."""

    def __init__(self, index: int, header: Header) -> None:
        super().__init__(f"sealed at index {index}")
        self.index = index
        self.header = header


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that is durable, in the log and shown."""

    index: int
    size: int  # bytes of its file; 0 when that was here already
    answer: bytes


class Upload:
    """A batch file and a keyring file that are coming in under one name."""

    def __init__(
        self,
        name: str,
        layout: Layout,
        log: LogState,
        register: Register,
        admit: Callable[[str], None] = lambda _device: None,
    ) -> None:
        """Nothing came yet; ``admit`` hears of the device that signed, and may refuse it."""
        self._name = name
        self._layout = layout
        self._stores = layout.stores
        self._places = (names.keyring(name), names.batch(name))
        self._log = log
        self._register = register
        self._admit = admit
        token = secrets.token_hex(16)
        incoming = layout.incoming
        self._work = (incoming / f"{token}.keyring", incoming / f"{token}.batch")
        self._left: list[Path] = list(self._work)  # that may be there
        self._stream = BatchStream(self._open_header)
        self._keyring: BlockFile | None = None
        self._batch: BlockFile | None = None
        self._early: list[Fed] = []  # that is not written yet
        self.placed = False  # whether it may write
        self.device = UNKNOWN  # as the header claims
        self.proven = False  # and whether that device signed it
        self.size = 0  # bytes of the batch file so far
        self.sealed: int | None = None  # the index, when only the files had been lost

    @property
    def name(self) -> str:
        """What it was announced as: the hex of the batch's id."""
        return self._name

    @property
    def admitted(self) -> bool:
        """Whether the header is there and is the next of an enrolled device."""
        return self._stream.header is not None

    @property
    def note(self) -> bytes:
        """The exact header note."""
        return self._stream.header_bytes

    @property
    def header(self) -> Header:
        """The verified header, once it is there."""
        if self._stream.header is None:
            raise SizeMismatchError("batch: ended within its header")
        return self._stream.header

    def feed(self, chunks: Iterable[bytes]) -> None:
        """Verify and write what came in.

        Raises:
            AlreadySealedError: nothing of it is needed.
            LakzegelError: what is wrong with it.
            OSError: it cannot be written.
        """
        for chunk in chunks:
            fed = self._stream.feed(chunk)
            self.size += len(fed.batch)
            self._early.append(fed)
            if self.placed:  # until then nobody has earned a file, nor the memory before it
                self._write()

    def _write(self) -> None:
        if self._keyring is None:
            self._keyring = BlockFile.create(self._work[0])
        if self._batch is None:
            self._batch = BlockFile.create(self._work[1])
        for fed in self._early:
            self._batch.write(fed.batch)
            self._keyring.write(fed.keyring)
        self._early.clear()

    def take_whole(self, chunks: Iterable[bytes]) -> None:
        """Verify all of it, and write it at once; it is complete then.

        Raises:
            AlreadySealedError, LakzegelError, OSError: as ``feed`` and ``complete``.
        """
        keyring, batch = [], []
        for chunk in chunks:
            fed = self._stream.feed(chunk)
            self.size += len(fed.batch)
            batch.append(fed.batch)
            keyring.append(fed.keyring)
        self._stream.finish()
        for path, pieces in zip(self._work, (keyring, batch), strict=True):
            durable.write_new(path, pieces)

    def complete(self) -> None:
        """Return when batch and keyring are whole, and the system has all of them."""
        self._stream.finish()
        self._write()
        for file in (self._keyring, self._batch):
            if file is not None:
                file.finish()

    def moves(self, *, counts: bool) -> Moves:
        """What has to be made durable under its name; ``counts`` whether its keyring is in force.

        If it were not, and put there, a destroyed key would be back.
        """
        moves = list(zip(self._work, self._places, strict=True))
        if self._layout.shared:
            return moves[1:] if self._has_keyring(self.header) else moves
        return moves if counts else moves[1:]

    def settled(self, moves: Moves) -> None:
        """Know that these files have their names."""
        moved = {work for work, _ in moves}
        self._left = [work for work in self._work if work not in moved]

    def finish(self) -> Header:
        """The header, once batch and keyring are whole and durable under their names."""
        self.complete()
        settle_together(self._log, self._stores, [self])
        return self.header

    def abandon(self) -> None:
        """Leave nothing behind of what was not finished."""
        self._close()
        for path in self._left:
            path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Take away what was finished, unless the log has it after all.

        Where others share the index, another receiver may be about to seal the very same: there
        it stays, and counts when the device sends it again (docs/spec/stores.md §7).
        """
        if self._layout.shared:
            return
        if self._register.index_of(bytes.fromhex(self._name)) is None:
            keyring, batch = self._places
            self._stores.objects.remove(batch)
            self._stores.keyrings.remove(keyring)

    def _has_keyring(self, header: Header) -> bool:
        """Whether a keyring lies there already: this one, or one that took its place.

        It is put only where there is none, so that no destroyed key comes back, whatever another
        receiver does at the same moment.
        """
        with self._work[0].open("rb") as file:
            data = file.read(MAX_KEYRING)
        try:
            self._stores.keyrings.put(self._places[0], data)
        except ClashError:
            self._log.refresh()
            with self._log.looking() as custody:
                return (header.device, header.epoch, header.batch) in custody.keyrings
        return True

    def _close(self) -> None:
        for file in (self._keyring, self._batch):
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _open_header(self, note: bytes) -> Header:
        """The verified header, before another byte is taken.

        1. It is the batch that was announced.
        2. It is not sealed already.
        3. It is signed, and the next of its chain, also where another process appended meanwhile.
        4. What its device saw was this log.
        5. The device does not send more than its share.
        """
        entry_id = batch_id(note)
        header = peek_header(note)
        self.device = header.device
        if entry_id.hex() != self._name:
            raise DigestMismatchError(f"batch {entry_id.hex()} was sent under another name")
        index = self._register.index_of(entry_id)
        if index is not None:
            return self._restore(header, index)
        if not self._is_next(note, header):
            self._log.refresh()
            self._judge(note, header)
        self.proven = True
        self._admit(header.device)
        return header

    def _is_next(self, note: bytes, header: Header) -> bool:
        with self._log.reading() as (custody, _), suppress(LakzegelError):
            custody.check(note)
            self._require_seen(header)
            return True
        return False

    def _judge(self, note: bytes, header: Header) -> None:
        """Return when it is the next after all; what is wrong with it counts for its signer."""
        with self._log.reading() as (custody, _):
            try:
                custody.check(note)
            except LakzegelError:
                self.proven = _signed(custody.devices.get(header.device), header, note)
                if self.proven:  # a log that lacks what the device saw cannot judge its chain
                    self._require_seen(header)
                    self._admit(header.device)
                raise
            self.proven = True
            self._require_seen(header)

    def _require_seen(self, header: Header) -> None:
        require_seen(self._log, f"device {header.device}", header.seen.size, header.seen.root)

    def _restore(self, header: Header, index: int) -> Header:
        """Take a sealed batch again only where its files were lost and its keyring is in force."""
        self.proven = True
        self.sealed = index
        if index >= self._log.shown.checkpoint.size:
            self._log.refresh()  # another process sealed it
        here = self._is_here()
        with self._log.reading() as (custody, _):
            changed = (header.device, header.epoch, header.batch) in custody.keyrings
        self._admit(header.device)
        if here or changed:
            raise AlreadySealedError(index, header)
        return header

    def _is_here(self) -> bool:
        keyring, batch = self._places
        there = self._stores.objects.size(batch), self._stores.keyrings.size(keyring)
        return None not in there


def settle_together(
    log: LogState,
    stores: Stores,
    uploads: Sequence[Upload],
    before: Callable[[], None] = lambda: None,
) -> None:
    """Return when the files of uploads that are complete are durable under their names.

    ``before`` has returned before any of them has its name.
    """
    with placing(log, [(one.header, one.header.keyring) for one in uploads]) as counting:
        pairs = zip(uploads, counting, strict=True)
        wanted = [one.moves(counts=counts) for one, counts in pairs]
        stores.settle([move for moves in wanted for move in moves], before)
    for one, moves in zip(uploads, wanted, strict=True):
        one.settled(moves)


def record(register: Register, upload: Upload, refusal: LakzegelError) -> None:
    """Write a refusal down; that it cannot be written changes nothing about it."""
    if upload.proven:  # or else a line a bad upload fills a disk
        _log.info("batch %s of device %s refused: %s", upload.name, upload.device, refusal.code)
    try:
        register.refuse(
            device=upload.device, code=refusal.code, entry_id=upload.name, proven=upload.proven
        )
    except FAILURES as error:
        _log.warning("a refusal could not be recorded: %s", type(error).__name__)


def _signed(device: DeviceState | None, header: Header, note: bytes) -> bool:
    """Whether a key that the device has or had signed this header."""
    for epoch in (device.current, *device.closed_epochs) if device else ():
        if header.epoch == epoch.epoch:
            with suppress(LakzegelError):
                open_header(note, epoch.header_key)
                return True
    return False
