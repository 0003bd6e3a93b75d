# SPDX-License-Identifier: EUPL-1.2
"""An approved list carried out: each keyring replaced, in every live store. disposal.md §6.

New one durable (it was staged), entry sealed and old one deleted at the receiver, then here by a
pull, then both asked. After a crash, a full disk or a refusal the same command goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core import limits
from lakzegel_core.encoding import b64
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.destroying.changes import Changes
from lakzegel_office.destroying.deed import Done, execution
from lakzegel_office.destroying.lists import WITHDRAWN, DestructionList
from lakzegel_office.destroying.printing import PDF, print_certificate
from lakzegel_office.destroying.selection import Copy
from lakzegel_office.destroying.staging import folder_of
from lakzegel_office.errors import DoubtError
from lakzegel_office.extracted import DEED, extract_name
from lakzegel_office.mirror import read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay
from lakzegel_office.transport import Receiver

EXECUTION: Final = "uitvoering.xml"


def keep_execution(folder: Path, said: bytes, now: datetime) -> dict[str, str]:
    """Leave what became of a certificate beside it, and both to be read.

    Returns:
        The SHA-256 of each, in hexadecimal, by name.
    """
    deed = read_limited(folder / DEED, limits.MAX_BATCH)
    digest = hashlib.sha256(deed).hexdigest()
    made = print_certificate(deed, said, digest, now)
    files = {PDF: made, EXECUTION: said}
    durable.write_files({folder / name: data for name, data in files.items()})
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


class Withdrawal:
    """Carries out one approved list."""

    def __init__(self, office: Office, found: DestructionList, receiver: Receiver) -> None:
        """Keep the parties."""
        self._home = office.home
        self._found = found
        self._folder = folder_of(office.home, found.number, found.round)
        self._changes = Changes(office, self._folder, receiver)

    def send(self, replay: Replay) -> None:
        """Have every keyring replaced at the receiver.

        Raises:
            DoubtError: what was approved is not what lies here.
            UsageError: the log went on since; it must be approved again.
            UnreachableError: the receiver does not answer, or refuses; run this again.
        """
        self._require_approved(replay)
        self._changes.send(replay, f"list {self._found.number}")

    def attest(self, replay: Replay) -> list[Done]:
        """Return the log's entries, once every live store holds the new keyrings alone.

        Raises:
            DoubtError: one does not; run this again.
        """
        return self._changes.attest(replay)

    def attest_sent(self, replay: Replay) -> list[Done]:
        """Return the log's entries of a list that was cut off, and is not to go on.

        Raises:
            DoubtError: a store does not hold what was sent; run this again.
        """
        return self._changes.attest_sent(replay)

    def conclude(
        self, done: Sequence[Done], copies: Sequence[Copy], now: datetime
    ) -> tuple[Path, dict[str, str]]:
        """Write down what was done; take away what was staged.

        Returns:
            The folder, and the SHA-256 of what was written, by name.
        """
        said = execution(self._found, WITHDRAWN, now, done, copies)
        files = keep_execution(self._folder, said, now)
        self._changes.conclude()
        for path in self._superseded():
            path.unlink()
            durable.sync_folders([path])
        return self._folder, files

    def _superseded(self) -> list[Path]:
        """Return the extracts of earlier approvals in whose place one of this came, or nothing."""
        names = {extract_name(ItemId.parse(item)) for item in self._found.items}
        found = self._home.disposals.glob("*/extract-*.age")
        return [path for path in found if path.name in names and path.parent != self._folder]

    def _require_approved(self, replay: Replay) -> None:
        data = read_limited(self._folder / DEED, limits.MAX_BATCH)
        if b64(hashlib.sha256(data).digest()) != self._found.deed:
            raise DoubtError(f"{self._folder / DEED}: not the certificate that was approved")
        items: list[str] = []
        for staged in self._changes.staged(replay):
            if b64(staged.change.certificate or b"") != self._found.deed:
                raise DoubtError(f"{staged.signed}: names another certificate than was approved")
            items += [f"{staged.record.name}/{index}" for index in staged.change.destroyed]
        if sorted(items) != sorted(self._found.items):
            raise DoubtError(f"{self._folder}: not the items that were approved")
