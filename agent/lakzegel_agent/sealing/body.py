# SPDX-License-Identifier: EUPL-1.2
"""The body and the keyring of one batch while they are made (docs/spec/batch.md §1, keyring.md).

Keys of items live here, in this process, until the keyring is sealed; they are never written.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from lakzegel_agent import durable
from lakzegel_agent.blockfile import BlockWriter
from lakzegel_agent.errors import AgentError, SealingError, unwritable
from lakzegel_agent.platforms import system
from lakzegel_agent.sealing.jobs import Job, Setup
from lakzegel_agent.spool import Spool
from lakzegel_core.age import Recipient
from lakzegel_core.encoding import JsonValue
from lakzegel_core.item import ItemSealer, Members
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.limits import DIGEST
from lakzegel_core.merkle import leaf_hash, root_of


class Body:
    """Items sealed one after the other into a file of the spool.

    Raises, wherever it writes:
        UnwritableError: no room, or a disk that fails.
        SealingError: the spool cannot be written for another reason.
    """

    def __init__(
        self, setup: Setup, job: Job, compress: Callable[[bytes], bytes], block: memoryview
    ) -> None:
        self.items = 0
        self.size = 0
        self._setup = setup
        self._job = job
        self._seal = ItemSealer(
            setup.origin,
            setup.device,
            setup.epoch,
            job.batch,
            random=os.urandom,
            compress=compress,
        ).seal
        self._manifest: list[bytes] = []
        self._keys: list[bytes] = []
        self._spool = Spool(Path(os.fsdecode(setup.spool)))
        self._descriptor = self._create()
        self._file = BlockWriter(self._descriptor, block)

    @property
    def manifest(self) -> bytes:
        """The entries of the items so far."""
        return b"".join(self._manifest)

    def add(
        self, kind: str, source: str, payload: bytes, context: Mapping[str, JsonValue] | Members
    ) -> tuple[int, bytes, bytes]:
        """Seal one item; return its index, its commitment and its payload's SHA-256."""
        index = self.items
        ciphertext, entry, key, digest = self._seal(index, kind, source, payload, context)
        self._manifest.append(entry)
        self._keys.append(key)
        try:
            self._file.write(ciphertext)
        except OSError as error:
            raise _refusal(error) from error
        self.size += len(ciphertext)
        self.items = index + 1
        return index, entry[-DIGEST:], digest

    def close(self) -> tuple[bytes, bytes]:
        """Return contents and the keyring's SHA-256, once body and keyring are written.

        They are not yet on the disk: `Spool.place` sees to that.
        """
        setup, job = self._setup, self._job
        self._finish()
        contents = root_of([leaf_hash(entry) for entry in self._manifest])
        slots = tuple(self._keys)
        self._keys.clear()
        ring = Keyring(
            setup.origin, setup.device, setup.epoch, job.batch, self.items, contents, slots
        )
        recipients = [Recipient(public) for public in setup.recipients]
        keyring = seal_keyring(ring, recipients, random=os.urandom)
        try:
            part = self._spool.part(setup.epoch, job.batch, job.token, "keyring")
            self._write(part, keyring)
        except OSError as error:
            raise _refusal(error) from error
        finally:
            self._release()
        self.size += len(keyring)
        return contents, hashlib.sha256(keyring).digest()

    def abandon(self) -> None:
        """Leave nothing: the keys are gone, and what was written of them with it."""
        self._keys.clear()
        self._release()
        with contextlib.suppress(OSError):  # it is swept after the pass
            self._spool.discard(self._setup.epoch, self._job.batch, self._job.token)

    def _create(self) -> int:
        path = self._spool.part(self._setup.epoch, self._job.batch, self._job.token, "body")
        try:
            return system.open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except OSError as error:
            raise _refusal(error) from error

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        descriptor = system.open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            durable.write_all(descriptor, data)
        finally:
            os.close(descriptor)

    def _finish(self) -> None:
        try:
            self._file.finish()
        except OSError as error:
            raise _refusal(error) from error

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _refusal(error: OSError) -> AgentError:
    why = errno.errorcode.get(error.errno or 0, "?")
    return unwritable(error, "spool") or SealingError(f"spool: cannot be written ({why})")
