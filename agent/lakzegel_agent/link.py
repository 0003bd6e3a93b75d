# SPDX-License-Identifier: EUPL-1.2
"""A device's conversation with its receiver.

What is returned was verified, and what it shows of the log is durable before it is acted on. One
link a thread, for a ledger and a session belong to one thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_agent import durable
from lakzegel_agent.errors import RollbackError
from lakzegel_agent.ledger import Ledger
from lakzegel_agent.ledgerrows import Seen
from lakzegel_agent.transport import Body, NeverError, Receiver
from lakzegel_agent.trust import (
    Answer,
    LogViolationError,
    Pins,
    open_answer,
    open_receipt,
    open_tree,
)
from lakzegel_core.checkpoint import Checkpoint, SignedCheckpoint
from lakzegel_core.cosignature import add_cosignature, cosign
from lakzegel_core.keys import SigningKey
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.note import Note, parse
from lakzegel_core.query import NONCE_SIZE, Query, sign_query
from lakzegel_core.receipt import Receipt

CONFLICT: Final = 409
MAX_EVIDENCE: Final = 64  # files; a receiver must not be able to fill this disk
Random = Callable[[int], bytes]


class LogAlarmError(RollbackError):
    """The log went back or forked; ``kind`` is "rollback" or "fork"; the evidence is kept."""

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name a question is asked, and who signs it."""

    device: str
    epoch: int
    key: SigningKey


class Link:
    """One thread's conversation."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        pins: Pins,
        ledger: Ledger,
        evidence: Path,
        clock: Callable[[], datetime],
        random: Random,
    ) -> None:
        self.pins = pins
        self._receiver = receiver
        self._ledger = ledger
        self._evidence = evidence
        self._clock = clock
        self._random = random

    def ask(self, asker: Asker) -> Answer:
        """What the log holds about a device; the tree that proves it is durably seen.

        Raises:
            UnreachableError, NeverError: no answer, or a refusal.
            LogAlarmError: the log went back or forked.
            LakzegelError: the answer proves nothing.
        """
        seen = self._seen()
        query = Query(
            origin=self.pins.origin,
            device=asker.device,
            epoch=asker.epoch,
            nonce=self._random(NONCE_SIZE),
            at=self._clock(),
        )
        try:
            data = self._receiver.device(sign_query(query, asker.key), old=_size(seen))
            answer = open_answer(data, pins=self.pins, device=asker.device, seen=seen)
        except NeverError as error:
            self._doubt(error, seen)
            raise
        except LogViolationError as error:
            raise self._alarm(error, seen) from None
        self._see(answer.signed)
        return answer

    def register(self, note: bytes) -> Receipt:
        """The verified receipt of an entry for the log; its tree is durably seen.

        Raises: as ``ask`` does.
        """
        seen = self._seen()
        receipt = self._receipt(note, seen, lambda: self._receiver.send_note(note, old=_size(seen)))
        self._see(receipt.signed)
        return receipt

    def send_batch(self, header: bytes, body: Body) -> tuple[Receipt, bytes]:
        """The verified receipt of a batch and its bytes; the caller makes both durable at once.

        Raises: as ``ask`` does.
        """
        seen = self._seen()
        name = hashlib.sha256(header).hexdigest()
        kept: list[bytes] = []

        def send() -> bytes:
            kept.append(self._receiver.send_batch(name, body, old=_size(seen)))
            return kept[-1]

        return self._receipt(header, seen, send), kept[-1]

    def checkpoint(self) -> bytes:
        """The newest served checkpoint: this log's, and no smaller than what was seen.

        Larger ones are not proven to extend it: that is ``ask``'s.
        """
        data = self._receiver.checkpoint()
        seen = self._seen()
        try:
            open_tree(data, log=self.pins.log, seen=seen)
        except LogViolationError as error:
            raise self._alarm(error, seen) from None
        return data

    def cosign(self, key: SigningKey) -> None:
        """Have the receiver keep this device's cosignature over the newest tree it has seen."""
        seen = self._ledger.seen()
        if seen is None or seen.size == 0:
            return
        whole = parse(seen.checkpoint, max_size=MAX_CHECKPOINT)
        names = {self.pins.log.ed25519.key_id, self.pins.log.mldsa.key_id}
        bare = Note(
            whole.text,
            tuple(s for s in whole.signatures if s.name == self.pins.origin and s.key_id in names),
        )
        tree = Checkpoint.from_text(whole.text)
        line = cosign(tree, key, now=int(self._clock().timestamp()))
        self._receiver.send_cosignature(add_cosignature(bare.to_bytes(), line))

    def beat(self, note: bytes) -> None:
        """Hand over a heartbeat.

        Raises:
            UnreachableError, NeverError: no answer, or a refusal.
        """
        self._receiver.send_heartbeat(note)

    def trusted_until(self) -> datetime | None:
        """When what the receiver is trusted by comes to its end; None where that is not known."""
        return self._receiver.trusted_until()

    def close(self) -> None:
        """Let the connections go."""
        self._receiver.close()

    def missing(self, answer: Answer, what: str) -> LogAlarmError:
        """The alarm for a log that no longer shows what this device holds a receipt for."""
        self._keep("rollback", answer.signed)
        return LogAlarmError(what, kind="rollback")

    def _receipt(self, entry: bytes, seen: Checkpoint | None, send: Callable[[], bytes]) -> Receipt:
        try:
            return open_receipt(send(), entry=entry, log=self.pins.log, seen=seen)
        except NeverError as error:
            self._doubt(error, seen)
            raise
        except LogViolationError as error:
            raise self._alarm(error, seen) from None

    def _doubt(self, error: NeverError, seen: Checkpoint | None) -> None:
        """After a conflict, look whether the log itself went back; raises LogAlarmError if so."""
        if error.status != CONFLICT or seen is None:
            return
        try:
            open_tree(self._receiver.checkpoint(), log=self.pins.log, seen=seen)
        except LogViolationError as violation:
            raise self._alarm(violation, seen) from None

    def _alarm(self, error: LogViolationError, seen: Checkpoint | None) -> LogAlarmError:
        self._keep(error.kind, error.signed)
        size = "nothing" if seen is None else f"{seen.size} entries"
        return LogAlarmError(
            f"{error.kind}: {error}; {size} were seen, the log now shows"
            f" {error.signed.checkpoint.size}; nothing is sent until this is explained,"
            " capture goes on",
            kind=error.kind,
        )

    def _keep(self, kind: str, signed: SignedCheckpoint) -> None:
        """Keep what the log signed beside what it signed before."""
        seen = self._ledger.seen()
        pairs = [(f"{kind}-{_name(signed.data)}", signed.data)]
        if seen is not None:
            pairs.append((f"seen-{_name(seen.checkpoint)}", seen.checkpoint))
        kept = sum(1 for _ in self._evidence.iterdir()) if self._evidence.is_dir() else 0
        for name, data in pairs:
            path = self._evidence / name
            if kept < MAX_EVIDENCE and not path.exists():
                with suppress(OSError):  # a full disk must not hide the alarm
                    durable.write_file(path, data)

    def _seen(self) -> Checkpoint | None:
        seen = self._ledger.seen()
        return None if seen is None else Checkpoint(self.pins.origin, seen.size, seen.root)

    def _see(self, signed: SignedCheckpoint) -> None:
        tree = signed.checkpoint
        known = self._ledger.seen()
        if known is None or tree.size > known.size:
            self._ledger.set_seen(tree.size, tree.root, signed.data)


def seen_of(receipt: Receipt) -> Seen:
    """What a receipt shows of the log, as the ledger keeps it."""
    tree = receipt.signed.checkpoint
    return Seen(tree.size, tree.root, receipt.signed.data)


def _size(seen: Checkpoint | None) -> int:
    return 0 if seen is None else seen.size


def _name(data: bytes) -> str:
    tree = Checkpoint.from_text(parse(data, max_size=MAX_CHECKPOINT).text)
    return f"{tree.size}-{hashlib.sha256(tree.to_text()).hexdigest()[:16]}.checkpoint"
