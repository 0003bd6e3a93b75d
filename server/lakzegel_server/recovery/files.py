# SPDX-License-Identifier: EUPL-1.2
"""Fetches from the office what the log names and DATA lacks (docs/spec/recovery.md §4, 5)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Final

from lakzegel_core import entries
from lakzegel_core.batch import BatchStream, Header, batch_id, peek_header
from lakzegel_core.errors import DigestMismatchError, LakzegelError
from lakzegel_core.held import open_held
from lakzegel_core.limits import MAX_ANNEX, MAX_KEYRING, MAX_NOTE
from lakzegel_server.durable import create, write_all
from lakzegel_server.errors import RacedError
from lakzegel_server.layout import Layout
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.sources import NotThereError, Office
from lakzegel_server.register import Register
from lakzegel_server.rekeying import placing
from lakzegel_server.sealable import require_seen
from lakzegel_server.stores import names
from lakzegel_server.stores.protocols import Keeping

BLOCK: Final = 2**20  # bytes read at a time
Changed = dict[tuple[str, int, int], tuple[int, bytes]]


class Files:
    """The files of one DATA, compared with its log."""

    def __init__(self, layout: Layout, log: LogState, register: Register) -> None:
        self._layout = layout
        self._log = log
        self._register = register

    def fetch(self, office: Office, since: int, stopping: Callable[[], bool]) -> int:
        """How many files are lacking still; those of entries from ``since`` are read and checked.

        Older ones are looked for below DATA, which may have been set back, and not in a store of
        their own, which was not: to ask for each of millions takes days, and `check` does.

        Raises:
            NoAnswerError: the office does not answer now.
            OSError, FAILURES: it cannot be stored.
        """
        lacking = self._annexes(office)
        self._held(office)
        with self._log.looking() as custody:
            changed = dict(custody.keyrings)
        for index, header_note in self._headers():
            if stopping():
                break
            header, name = peek_header(header_note), batch_id(header_note).hex()
            fresh = index >= since
            if not self._has_batch(name, header, fresh=fresh):
                lacking += not self._fetch_batch(office, name, header)
            change = changed.get((header.device, header.epoch, header.batch))
            wanted = change[1] if change else header.keyring
            if not self._has_keyring(name, wanted, fresh=fresh or change is not None):
                lacking += not self._fetch_keyring(office, name, header, wanted)
        return lacking

    def _headers(self) -> Iterator[tuple[int, bytes]]:
        size = self._log.shown.checkpoint.size
        for index, data in enumerate(self._log.store.entries(0, size)):
            if entries.kind_of(data) == entries.BATCH:
                yield index, data

    # batches and keyrings

    def _has_batch(self, name: str, header: Header, *, fresh: bool) -> bool:
        objects, place = self._layout.stores.objects, names.batch(name)
        if not fresh:
            return self._layout.stores.objects_apart or objects.size(place) is not None
        try:
            with objects.open(place) as file:
                _check_batch(name, header, iter(lambda: file.read(BLOCK), b""))
        except (FileNotFoundError, LakzegelError):
            return False
        return True

    def _fetch_batch(self, office: Office, name: str, header: Header) -> bool:
        work = self._layout.incoming / f"{secrets.token_hex(16)}.recovered"
        try:
            with office.blocks(f"/v1/batches/{name}") as blocks, create(work) as file:
                _check_batch(name, header, _written(blocks, file))
            self._layout.stores.objects.settle([(work, names.batch(name))])
        except (NotThereError, LakzegelError):
            return False
        finally:
            work.unlink(missing_ok=True)
        return True

    def _has_keyring(self, name: str, wanted: bytes, *, fresh: bool) -> bool:
        keyrings, place = self._layout.stores.keyrings, names.keyring(name)
        if not fresh:
            return self._layout.stores.keyrings_apart or keyrings.size(place) is not None
        return _digest_of(keyrings, place, MAX_KEYRING) == wanted

    def _fetch_keyring(self, office: Office, name: str, header: Header, wanted: bytes) -> bool:
        data = self._get(office, f"/v1/keyrings/{name}", MAX_KEYRING)
        if data is None or hashlib.sha256(data).digest() != wanted:
            return False
        keyrings, place = self._layout.stores.keyrings, names.keyring(name)
        version = keyrings.version(place)
        self._log.refresh()  # what another receiver replaced before that is known now
        with placing(self._log, [(header, wanted)]) as (counts,), suppress(RacedError):
            if counts:
                keyrings.replace(place, data, version)
                return True
        return False

    # annexes and the held statement

    def _annexes(self, office: Office) -> int:
        with self._log.looking() as custody:
            policies = [entry.policy for entry in custody.policies.values()]
        wanted = {digest for policy in policies for digest in policy.annexes.values()}
        objects, lacking = self._layout.stores.objects, 0
        for digest in sorted(wanted):
            place = names.annex(digest.hex())
            if _digest_of(objects, place, MAX_ANNEX) != digest:
                data = self._get(office, f"/v1/annexes/{digest.hex()}", MAX_ANNEX)
                if data is None or hashlib.sha256(data).digest() != digest:
                    lacking += 1
                    continue
                objects.supersede(place, data)
            self._register.keep_annex(digest.hex())
        return lacking

    def _held(self, office: Office) -> None:
        data = self._get(office, "/v1/held", MAX_NOTE)
        if data is None:
            return
        try:
            with self._log.looking() as custody:
                held = open_held(data, custody.require_delegation().held)
            require_seen(self._log, "held", held.size, held.root)
        except LakzegelError:
            return  # not of this log, or of more of it than there is: nothing to keep
        with self._log.turn():
            if held.size > self._register.held_size():
                self._layout.stores.documents.replace(names.HELD, data)
                self._register.keep_held(held.size, hashlib.sha256(data).digest())

    def _get(self, office: Office, path: str, limit: int) -> bytes | None:
        try:
            return office.get(path, limit)
        except NotThereError:
            return None


def _check_batch(name: str, header: Header, blocks: Iterator[bytes]) -> None:
    """Return when the blocks are the batch whose header the log has.

    Raises:
        LakzegelError: they are not.
    """

    def same(note: bytes) -> Header:
        if batch_id(note).hex() != name:
            raise DigestMismatchError("its header is not the log's")
        return header

    stream = BatchStream(same, keyring=False)
    for block in blocks:
        stream.feed(block)
    stream.finish()


def _written(blocks: Iterator[bytes], file: IO[bytes]) -> Iterator[bytes]:
    """The blocks, each once it is in the file."""
    for block in blocks:
        write_all(file, block)
        yield block


def _digest_of(store: Keeping, place: str, limit: int) -> bytes | None:
    try:
        return hashlib.sha256(store.read(place, limit)).digest()
    except FileNotFoundError:
        return None
