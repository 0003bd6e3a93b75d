# SPDX-License-Identifier: EUPL-1.2
"""Whether a device had the right to sign a header, from the notes of one proof alone.

pinned policy keys → delegation → enrolment key → admission → token → enrolment → header key.

A proof shows the notes that one header stands on, in the order of the log; it cannot show that the
log holds no others. Who must know that asks the office for the whole log (docs/spec/proof.md §4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from lakzegel_core import admission, delegation, enrolment, entries, note, revocation
from lakzegel_core.admission import Admission
from lakzegel_core.batch import Header, open_header, peek_header
from lakzegel_core.delegation import Delegation
from lakzegel_core.enrolment import Enrolment
from lakzegel_core.errors import (
    EpochError,
    ExpiredError,
    FormatError,
    NotAdmittedError,
    PolicyError,
    RevokedError,
    UnknownKeyError,
)
from lakzegel_core.itemproof import LoggedNote
from lakzegel_core.keys import VerifierKey
from lakzegel_core.revocation import Revocation


@dataclass(frozen=True, slots=True)
class Standing:
    """A header whose signature and signer hold, and its place in the log."""

    header: Header
    index: int

    @classmethod
    def of(
        cls,
        notes: Sequence[LoggedNote],
        origin: str,
        policy: Sequence[VerifierKey],
        threshold: int,
    ) -> Standing:
        """The standing of the last note, which is the header.

        Raises:
            FormatError: notes out of order, or of a kind or a log that does not belong.
            LakzegelError: a link that does not hold.
        """
        places = [one.index for one in notes]
        if not notes or places != sorted(set(places)):
            raise FormatError("item proof", "its notes are not in the order of the log")
        headers = [one for one in notes if entries.kind_of(one.data) == entries.BATCH]
        if len(headers) != 1:
            raise FormatError("item proof", f"{len(headers)} headers where one belongs")
        chain = _Chain(origin, policy, threshold, peek_header(headers[0].data))
        for one in notes:
            chain.take(one.data)
        return cls(chain.proven(), headers[0].index)


class _Chain:
    """The links so far."""

    def __init__(
        self, origin: str, policy: Sequence[VerifierKey], threshold: int, wanted: Header
    ) -> None:
        self._origin = origin
        self._policy, self._threshold = tuple(policy), threshold
        self._wanted = wanted
        self._delegation: Delegation | None = None
        self._admissions: dict[bytes, Admission] = {}
        self._enrolment: Enrolment | None = None
        self._header: Header | None = None

    def take(self, data: bytes) -> None:
        """Prove the next note by those before it."""
        kind = entries.kind_of(data)
        if kind == delegation.KIND:
            self._take_delegation(data)
        elif kind == admission.KIND:
            found = admission.open_admission(data, self._enrolment_key(data))
            self._same_log(found.origin)
            self._admissions[hashlib.sha256(data).digest()] = found
        elif kind == enrolment.KIND:
            self._take_enrolment(data)
        elif kind == revocation.KIND:
            found_revocation = revocation.open_revocation(data, self._enrolment_key(data))
            self._same_log(found_revocation.origin)
            self._require_trusted(found_revocation)
        elif kind == entries.BATCH:
            self._take_header(data)
        else:
            raise FormatError("item proof", f"a {kind} proves nothing about an item")

    def proven(self) -> Header:
        """The header; raises FormatError when there was none."""
        if self._header is None:
            raise FormatError("item proof", "has no header")
        return self._header

    def _take_delegation(self, data: bytes) -> None:
        found = delegation.open_delegation(data, self._policy, self._threshold)
        self._same_log(found.origin)
        if self._delegation is not None and found.serial <= self._delegation.serial:
            raise PolicyError(f"delegation {found.serial} is not newer than the one before it")
        self._delegation = found
        self._policy, self._threshold = found.policy, found.threshold

    def _take_enrolment(self, data: bytes) -> None:
        peeked = enrolment.peek_enrolment(data)
        admitted = self._admissions.get(peeked.admission)
        if peeked.reason.by_old_key:
            if self._enrolment is None or peeked.epoch != self._enrolment.epoch + 1:
                raise EpochError(f"device {peeked.device}: the epoch before is not shown")
            other = self._enrolment.header
        elif admitted is None:
            raise NotAdmittedError(f"device {peeked.device}: its admission is not shown")
        else:
            _require_covered(admitted, peeked)
            other = admitted.token
        found = enrolment.open_enrolment(data, other)
        self._same_log(found.origin)
        if found.device != self._wanted.device:
            raise FormatError("item proof", f"an enrolment of another device, {found.device}")
        self._enrolment = found

    def _take_header(self, data: bytes) -> None:
        wanted, shown = self._wanted, self._enrolment
        if shown is not None and shown.epoch > wanted.epoch:
            raise EpochError(
                f"device {wanted.device}: epoch {wanted.epoch} was closed by epoch {shown.epoch}"
            )
        if shown is None or shown.epoch != wanted.epoch:
            raise EpochError(f"device {wanted.device}: its enrolment is not shown")
        self._header = open_header(data, shown.header)
        self._same_log(self._header.origin)

    def _require_trusted(self, found: Revocation) -> None:
        """Refuse a header beyond the last trusted batch, whenever it was revoked."""
        wanted = self._wanted
        if found.device != wanted.device:
            raise FormatError("item proof", f"a revocation of another device, {found.device}")
        if (wanted.epoch, wanted.batch) > found.last:
            epoch, last = found.last
            raise RevokedError(
                f"device {found.device} is not trusted beyond epoch {epoch} batch {last}"
            )

    def _enrolment_key(self, data: bytes) -> VerifierKey:
        if self._delegation is None:
            raise NotAdmittedError("no delegation is shown before the first note that needs one")
        first = note.parse(data).signatures[0]
        for key in self._delegation.enrolment:
            if (key.name, key.key_id) == (first.name, first.key_id):
                return key
        raise UnknownKeyError(f"{first.name}: not an enrolment key")

    def _same_log(self, origin: str) -> None:
        if origin != self._origin:
            raise FormatError("item proof", f"a note of log {origin}, not {self._origin}")


def _require_covered(admitted: Admission, found: Enrolment) -> None:
    name = f"device {found.device}"
    if admitted.group != found.group or admitted.device not in {None, found.device}:
        raise NotAdmittedError(f"{name}: the admission that is shown is for another")
    if found.enrolled >= admitted.expires:
        raise ExpiredError(f"{name}: the admission had expired")
