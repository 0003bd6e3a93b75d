# SPDX-License-Identifier: EUPL-1.2
"""Bringing batches, keyrings and annexes into the mirror; nothing unproven ever lies there.

Each file is written below `state/incoming/`, compared with what the log says of it, and only then
brought into place, durably. What the receiver cannot deliver as it was sealed is named; it is no
finding about the device.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import limits
from lakzegel_office import durable
from lakzegel_office.annexes import own_annex
from lakzegel_office.batchcheck import check_batch, check_digest
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import MissingError, UnreachableError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror
from lakzegel_office.transport import Receiver

ATTEMPTS: Final = 3  # downloads of one file, where the connection breaks off


@dataclass(slots=True)
class Fetched:
    """What one pull has brought in."""

    batches: int = 0
    size: int = 0


class Fetcher:
    """Fetches what the log names and the mirror lacks."""

    def __init__(self, home: Home, receiver: Receiver) -> None:
        """Keep where from and where to."""
        self._home = home
        self._mirror = Mirror(home.mirror)
        self._incoming = home.incoming
        self._receiver = receiver
        self.fetched = Fetched()

    def batch(self, record: HeaderRecord, keyring: bytes) -> Doubt | None:
        """Have a batch and its keyring in the mirror; else return why the receiver cannot.

        Args:
            record: the header in the log.
            keyring: the SHA-256 of the keyring by the log.

        Raises:
            UnreachableError: the receiver does not answer, or refuses this office.
        """
        name = record.batch_id
        doubt = None
        if not self._mirror.batch(name).exists():
            doubt = self._fetch_batch(record)
        if doubt is None and not self.has_keyring(name, keyring):
            doubt = self._fetch_keyring(record, keyring)
        return doubt

    def has_keyring(self, batch_id: str, keyring: bytes) -> bool:
        """Tell whether a batch's keyring is in the mirror, and the one in force."""
        path = self._mirror.keyring(batch_id)
        expected = check_digest(path, "", keyring, limit=limits.MAX_KEYRING, batch=None)
        return path.exists() and next(expected, None) is None

    def annex(self, digest: str) -> Doubt | None:
        """Have an annex in the mirror; else return why the receiver cannot."""
        path = self._mirror.annex(digest)
        if path.exists():
            return None
        name = f"annex {digest}"
        try:
            data = self._receiver.annex(digest)
        except MissingError as error:
            own = own_annex(self._home, digest)
            if own is None:
                return Doubt(name, f"missing at the receiver: {error}", "missing")
            self._receiver.send_annex(digest, own)
            data = own
        return self._settle(data, path, name, bytes.fromhex(digest), None)

    def _fetch_batch(self, record: HeaderRecord) -> Doubt | None:
        name = f"batch {record.batch_id}"
        part = self._incoming / f"{record.batch_id}.batch"
        try:
            self._download(record.batch_id, part)
        except MissingError as error:
            return Doubt(name, f"missing at the receiver: {error}", "missing", record.name)
        doubt = next(check_batch(part, name, record), None)
        if doubt is not None:
            part.unlink()
            return _not_as_sealed(doubt)
        self.fetched.batches += 1
        self.fetched.size += part.stat().st_size
        durable.settle(part, self._mirror.batch(record.batch_id))
        return None

    def _fetch_keyring(self, record: HeaderRecord, expected: bytes) -> Doubt | None:
        name = f"keyring of batch {record.batch_id}"
        try:
            data = self._receiver.keyring(record.batch_id)
        except MissingError as error:
            return Doubt(name, f"missing at the receiver: {error}", "missing", record.name)
        path = self._mirror.keyring(record.batch_id)
        return self._settle(data, path, name, expected, record.name)

    def _settle(
        self, data: bytes, path: Path, name: str, expected: bytes, batch: str | None
    ) -> Doubt | None:
        part = self._incoming / path.name
        part.write_bytes(data)
        doubt = next(
            check_digest(part, name, expected, limit=limits.MAX_KEYRING, batch=batch), None
        )
        if doubt is not None:
            part.unlink()
            return _not_as_sealed(doubt)
        durable.settle(part, path)
        return None

    def _download(self, batch_id: str, part: Path) -> None:
        """Write the batch file to `part`, again from the start where the connection broke off."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with part.open("wb") as file:
                    for piece in self._receiver.batch(batch_id):
                        file.write(piece)
            except MissingError:
                part.unlink()
                raise
            except UnreachableError:
                if attempt == ATTEMPTS:
                    raise
            else:
                return


def _not_as_sealed(doubt: Doubt) -> Doubt:
    what = f"the receiver does not deliver what it sealed: {doubt.what}"
    return Doubt(doubt.file, what, "not-as-sealed", doubt.batch, doubt.item)
