# SPDX-License-Identifier: EUPL-1.2
"""A batch's keyring is replaced by the entry that two approvers signed, and the old one deleted.

docs/spec/http.md §12: new one durable, entry sealed, old one deleted, in that order. The new one
waits as ``waiting/<id>.<sha256>.next``; whatever a crash leaves, the log says which one counts.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from lakzegel_core.batch import Header, batch_id, peek_header, split_header
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import KeyringState
from lakzegel_core.errors import (
    ChainError,
    DigestMismatchError,
    ForkError,
    FormatError,
    LakzegelError,
)
from lakzegel_core.keyring import check_recipients
from lakzegel_core.keyringchange import KIND, KeyringChange
from lakzegel_core.limits import MAX_HEADER, MAX_KEYRING, MAX_NOTE
from lakzegel_core.note import parse
from lakzegel_server.errors import LostError, MissingError, RacedError, SpoiltError
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.register import Register
from lakzegel_server.sequencer import Sequencer
from lakzegel_server.sharing import SharedLock
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Keyrings

_LENGTH: Final = 2  # bytes before the note
MAX_BODY: Final = _LENGTH + MAX_NOTE + MAX_KEYRING
_log: Final = logging.getLogger(__name__)
_ROUNDS: Final = 4  # in which somebody else may replace the same keyring
_placing: Final = SharedLock()  # or an older keyring could be put over a newer one


@dataclass(frozen=True, slots=True)
class Replacement:
    """A keyring that is to be in force, and the signed entry that says so; nothing is checked."""

    name: str
    note: bytes
    keyring: bytes

    @classmethod
    def of_body(cls, name: str, body: bytes) -> Replacement:
        """The two parts of a request.

        Raises:
            FormatError: not a length, a note of that length and a keyring.
        """
        size = int.from_bytes(body[:_LENGTH], "big")
        note, keyring = body[_LENGTH : _LENGTH + size], body[_LENGTH + size :]
        if len(note) < size or not note or not keyring:
            raise FormatError("keyring change", "not a length, a note and a keyring")
        return cls(name, note, keyring)

    @property
    def digest(self) -> bytes:
        """What the entry must name."""
        return hashlib.sha256(self.keyring).digest()


def replace_keyring(
    layout: Layout, log: LogState, register: Register, sequencer: Sequencer, new: Replacement
) -> int:
    """The entry's index, once the new keyring lies there alone.

    Raises:
        LakzegelError: what is wrong with it; nothing is kept.
        MissingError, LostError: there is no such batch.
    """
    change, header = _change(new), _header(layout, register, new.name)
    _require_fits(header, change, new)
    if register.index_of(hashlib.sha256(new.note).digest()) is None:
        with log.reading() as (custody, _):
            custody.check(new.note)
    keyrings = layout.stores.keyrings
    waiting = names.next_keyring(new.name, new.digest.hex())
    keyrings.supersede(waiting, new.keyring)
    try:
        index = sequencer.submit(new.note).result()
    except LakzegelError:
        keyrings.remove(waiting)
        raise
    _settle_one(layout, log, waiting, header, sealed=True)
    return index


@contextmanager
def placing(log: LogState, wanted: Sequence[tuple[Header, bytes]]) -> Iterator[list[bool]]:
    """Of each batch whether a keyring of that SHA-256 is in force; none is replaced meanwhile."""
    with _placing.shared():
        with log.looking() as custody:
            found = [
                digest == _in_force(header, custody.keyrings.get(_place(header)))
                for header, digest in wanted
            ]
        yield found


def _place(header: Header) -> tuple[str, int, int]:
    return header.device, header.epoch, header.batch


def _in_force(header: Header, change: KeyringState | None) -> bytes:
    return change.sha256 if change else header.keyring


def settle(layout: Layout, log: LogState) -> None:
    """At a start: put each keyring that waits and is in force in its place; remove the others."""
    found = list(layout.stores.keyrings.waiting())
    for waiting in filter(names.is_next, found):  # `check` names others
        name, _ = names.parts_of_next(waiting)
        try:
            _settle_one(layout, log, waiting, _stored_header(layout, name))
        except SpoiltError as error:  # the one in its place is old, which `check` names
            _log.warning("%s", error)


def _settle_one(
    layout: Layout, log: LogState, waiting: str, header: Header | None, *, sealed: bool = False
) -> None:
    """Put a keyring that waits in its place where it is in force; remove it where it is not.

    Where others share the index, one that is not in force stays, as its entry may be on its way;
    one whose entry is ``sealed`` was replaced since, and goes.

    Raises:
        RacedError: others replace it all the time.
        SpoiltError: what waits, or waited, is not what the log names.
    """
    name, digest = names.parts_of_next(waiting)
    keyrings, place = layout.stores.keyrings, names.keyring(name)
    for left in reversed(range(_ROUNDS)):
        version = keyrings.version(place)  # before it is decided: a turn can be lost unnoticed
        # at the same time there may be the same request, here or at another receiver
        with _placing.alone(), log.deciding() as custody:
            if not _is_changed_to(custody, header, bytes.fromhex(digest)):
                if sealed or not layout.shared:
                    keyrings.remove(waiting)
                return
            try:
                keyrings.promote(waiting, place, version)
            except FileNotFoundError:
                _require_placed(keyrings, place, digest)
                return
            except RacedError:
                if not left:
                    raise
            else:
                return


def _require_placed(keyrings: Keyrings, place: str, digest: str) -> None:
    """Return when what waits no more is in its place, where another request put it.

    Raises:
        SpoiltError: it is not, so the old one was not deleted.
    """
    try:
        found = hashlib.sha256(keyrings.read(place, MAX_KEYRING)).hexdigest()
    except FileNotFoundError:
        found = ""
    if found != digest:
        raise SpoiltError(f"{place}: what was to replace it is gone; send the change again")


def _is_changed_to(custody: Custody, header: Header | None, digest: bytes) -> bool:
    """Whether a change put a keyring in force for this batch; for any, where its file was lost."""
    if header is None:
        return any(one.sha256 == digest for one in custody.keyrings.values())
    known = custody.keyrings.get(_place(header))
    return known is not None and known.sha256 == digest


def _change(new: Replacement) -> KeyringChange:
    """What the note says, unverified.

    Raises:
        FormatError: it is no keyring change.
    """
    try:
        return KeyringChange.from_text(parse(new.note).text)
    except LakzegelError as error:
        raise FormatError(KIND, f"not one: {error}") from None


def _header(layout: Layout, register: Register, name: str) -> Header:
    """The header of a sealed batch.

    Raises:
        MissingError: no batch has this name.
        LostError: its file is not here.
    """
    if register.index_of(bytes.fromhex(name)) is None:
        raise MissingError("no batch has this name")
    header = _stored_header(layout, name)
    if header is None:
        raise LostError(f"batches/{name}.batch: lost here; run 'check'")
    return header


def _stored_header(layout: Layout, name: str) -> Header | None:
    """The header of a batch that lies here; None when it was lost."""
    try:
        with layout.stores.objects.open(names.batch(name)) as file:
            note = split_header(file.read(MAX_HEADER))
    except FileNotFoundError:
        return None
    return peek_header(note) if note is not None and batch_id(note).hex() == name else None


def _require_fits(header: Header, change: KeyringChange, new: Replacement) -> None:
    """Return when the change is of this batch and names this keyring, which has fit recipients.

    Raises:
        ChainError, DigestMismatchError, ForkError, FormatError, LimitError.
    """
    place = (header.device, header.epoch, header.batch)
    if place != (change.device, change.epoch, change.batch):
        raise ChainError(f"keyring change: is of another batch than {new.name}")
    if change.destroyed and change.destroyed[-1] >= header.items:
        raise ChainError(f"keyring change: the batch has {header.items} items")
    if change.new != new.digest:
        raise DigestMismatchError("keyring: its SHA-256 is not the one that the change names")
    if change.generation == 1 and change.old != header.keyring:
        raise ForkError("keyring change: replaces another keyring than the header's")
    check_recipients(new.keyring)
