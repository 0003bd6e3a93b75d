# SPDX-License-Identifier: EUPL-1.2
"""The rules of device chains, epochs and admissions, one function each (docs/spec/epochs.md)."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from lakzegel_core import note
from lakzegel_core.batch import Header
from lakzegel_core.custody_state import AdmissionState, DeviceState, KeyringState, TrailEntry
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason
from lakzegel_core.errors import (
    ChainError,
    EpochError,
    ExhaustedError,
    ExpiredError,
    ForkError,
    GapError,
    LimitError,
    NotAdmittedError,
    ReplayError,
    RevokedError,
    UnknownKeyError,
    WithdrawnError,
)
from lakzegel_core.hold import Mark
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_INHERITED
from lakzegel_core.revocation import Revocation
from lakzegel_core.trail import Trail
from lakzegel_core.withdrawal import Withdrawal


def header_key(device: DeviceState, header: Header) -> VerifierKey:
    """The key that must have signed a header of this epoch.

    Raises:
        EpochError: the epoch is closed, or was never opened.
        RevokedError: the device may not go on.
    """
    name = f"device {device.name} epoch {header.epoch}"
    if header.epoch < device.epoch:
        raise EpochError(f"{name}: closed for ever by epoch {device.epoch}")
    if header.epoch > device.epoch:
        raise EpochError(f"{name}: has no enrolment in the log")
    return device.header_key


def require_next(device: DeviceState, header: Header, batch_id: bytes) -> None:
    """Return when the header is the next one of its chain (docs/spec/batch.md, epochs.md §3).

    Raises:
        ReplayError, ForkError, GapError, RevokedError, ChainError.
    """
    head = device.head
    where = f"device {device.name} epoch {header.epoch} batch {header.batch}"
    if head is not None and head.id == batch_id:
        raise ReplayError(f"{where}: is in the log already, at index {head.index}")
    expected = 0 if head is None else head.batch + 1
    if header.batch < expected:
        raise ForkError(f"{where}: another batch has this number")
    if header.batch > expected:
        raise GapError(device.name, expected=f"batch {expected}", found=f"batch {header.batch}")
    previous = device.enrolment_id if head is None else head.id
    if header.previous != previous:
        raise GapError(
            device.name,
            expected=f"batch {header.batch} after {b64(previous)}",
            found=f"one after {b64(header.previous)}",
        )
    require_sending(device, header)


def require_sending(device: DeviceState, header: Header) -> None:
    """Return when the device may send batches yet.

    Raises:
        RevokedError, ChainError.
    """
    where = f"device {device.name} epoch {header.epoch} batch {header.batch}"
    if device.revocation is not None:
        raise RevokedError(f"{where}: the device was revoked ({device.revocation.reason})")
    if device.final:
        last = -1 if device.head is None else device.head.batch
        raise ChainError(f"{where}: the custody ended with batch {last}")


def clock_warnings(device: DeviceState, header: Header) -> Iterator[str]:
    """What the office should hear about the device's clock; order is by chain, not by clock."""
    if device.head is not None and header.closed < device.head.closed:
        yield "clock-back"


def term_warnings(term: Mark | None) -> Iterator[str]:
    """What the office should hear about a batch of a custody whose newest term note this is."""
    if term is not None and term.state == "closed":
        yield "after-term"


def old_key(device: DeviceState | None, found: Enrolment) -> VerifierKey:
    """The header key of the epoch that is left by an enrolment without a token.

    Raises:
        EpochError: the log has no such epoch of this device.
    """
    if device is None:
        raise EpochError(f"device {found.device}: nothing to restore, it was never enrolled")
    for epoch in (device.current, *device.closed_epochs):
        if epoch.epoch == found.epoch - 1:
            return epoch.header_key
    raise EpochError(
        f"device {found.device} epoch {found.epoch}: epoch {device.epoch + 1} would be next"
    )


def require_epoch(device: DeviceState | None, found: Enrolment) -> None:
    """Return when the device has the right to open this epoch (docs/spec/epochs.md §2).

    Raises:
        EpochError: it has not.
        RevokedError: the device was revoked.
    """
    name = f"device {found.device} epoch {found.epoch}"
    if device is None:
        if found.epoch:
            raise EpochError(f"{name}: the device was never enrolled")
        return
    if device.revocation is not None:  # for ever: what comes after gets another name
        raise RevokedError(f"{name}: the device was revoked ({device.revocation.reason})")
    if found.epoch != device.epoch + 1:
        raise EpochError(f"{name}: epoch {device.epoch + 1} would be next")
    if found.previous != device.newest_id:
        raise EpochError(f"{name}: does not follow the newest batch of this device in the log")
    if found.reason is Reason.ROTATED:
        _require_rotatable(device, name)


def _require_rotatable(device: DeviceState, name: str) -> None:
    """Return when a device may replace its keys (docs/spec/epochs.md §4).

    Raises:
        ChainError: its custody ended.
        LimitError: a proof of what it sealed then would have more notes than one may.
    """
    if device.final:
        raise ChainError(f"{name}: the custody ended with epoch {device.epoch}")
    if device.current.inherited >= MAX_INHERITED:
        raise LimitError(name, f"{MAX_INHERITED} epochs in a row were opened without a token")


def require_admission(device: DeviceState | None, state: AdmissionState, found: Enrolment) -> None:
    """Return when the admission covers this enrolment (docs/spec/admission.md §3).

    Raises:
        NotAdmittedError, ExpiredError, ExhaustedError, WithdrawnError.
    """
    admission, name = state.admission, f"device {found.device}"
    if found.group != admission.group:
        raise NotAdmittedError(f"{name}: the admission is not for its group")
    if admission.device is not None and admission.device != found.device:
        raise NotAdmittedError(f"{name}: the admission is for device {admission.device}")
    if device is not None and device.custody != admission.custody:
        raise NotAdmittedError(f"{name}: the admission is for another custody")
    if found.reason.by_old_key:
        return
    if state.withdrawn is not None:
        raise WithdrawnError(f"{name}: the records office took the admission back")
    if state.used >= admission.count:
        raise ExhaustedError(
            f"{name}: the admission was used {state.used} times, as often as it may"
        )
    if found.enrolled >= admission.expires:
        raise ExpiredError(f"{name}: the admission expired at {admission.expires:%Y-%m-%d}")


def require_new_admission(known: Container[bytes], admission_id: bytes) -> None:
    """Return when an admission is not in the log yet; again, its count would begin anew.

    Raises:
        ReplayError: it is.
    """
    if admission_id in known:
        raise ReplayError("this admission is in the log already")


def require_withdrawable(known: Mapping[bytes, AdmissionState], found: Withdrawal) -> None:
    """Return when a withdrawal takes back admissions that the log has, one of them at least anew.

    Raises:
        NotAdmittedError: the log lacks one of them.
        ReplayError: all of them were taken back before.
    """
    states = [known.get(one) for one in found.admissions]
    if None in states:
        raise NotAdmittedError("withdrawal: an admission that it names is not in the log")
    if all(state is not None and state.withdrawn is not None for state in states):
        raise ReplayError("withdrawal: all that it names was taken back already")


def require_newer_mark(known: Mark | None, found: Mark) -> None:
    """Return when a hold or term is newer than the last of its name: none comes back by replay.

    Raises:
        ReplayError: it is not.
    """
    if known is not None and found.at <= known.at:
        raise ReplayError(f"{found.kind} {found.name}: is not newer than the one in the log")


def require_revocable(device: DeviceState, found: Revocation) -> None:
    """Return when a revocation names an epoch and batch that exist, and takes trust away.

    Raises:
        ReplayError: an earlier one left no more trusted than this.
        ChainError: it names what the log does not hold.
    """
    if device.revocation is not None and found.last >= device.revocation.last:
        raise ReplayError(f"device {device.name}: is not trusted that far already")
    epochs = {e.epoch: e for e in (*device.closed_epochs, device.current)}
    epoch = epochs.get(found.epoch)
    last = -1 if epoch is None or epoch.head is None else epoch.head.batch
    if epoch is None or (found.batch is not None and found.batch > last):
        raise ChainError(
            f"revocation of device {device.name}: the log holds no epoch {found.epoch}"
            f" batch {found.batch}"
        )


def require_generation(known: KeyringState | None, found: KeyringChange) -> None:
    """Return when a keyring change follows the keyring in force.

    Raises:
        GapError: another generation is next.
        ForkError: it replaces a keyring that is not in force.
    """
    generation, current = (0, found.old) if known is None else (known.generation, known.sha256)
    if found.generation != generation + 1:
        raise GapError(
            found.device,
            expected=f"keyring generation {generation + 1}",
            found=f"generation {found.generation}",
        )
    if found.old != current:
        raise ForkError(f"device {found.device} batch {found.batch}: replaces another keyring")


def require_beginning(size: int) -> None:
    """Return when an entry would be the second of the log, right after the first delegation.

    Raises:
        ChainError: it would not.
    """
    if size != 1:
        raise ChainError(f"a log continues another from its second entry on, not from entry {size}")


def require_next_trail(known: TrailEntry | None, found: Trail, entry_id: bytes) -> None:
    """Return when a stretch of the trail follows the one before.

    Raises:
        ReplayError, ForkError, GapError.
    """
    if known is not None and known.id == entry_id:
        raise ReplayError(f"trail {found.number}: is in the log already, at index {known.index}")
    expected = 0 if known is None else known.trail.number + 1
    if found.number < expected:
        raise ForkError(f"trail {found.number}: another one has this number")
    if found.number > expected:
        raise GapError("trail", expected=f"number {expected}", found=f"number {found.number}")
    if known is not None and found.previous != known.id:
        raise ForkError(f"trail {found.number}: does not follow the one in the log")


def origin_of(data: bytes) -> str:
    """The log that a note of ours states to be for."""
    line = data.split(b"\n", 2)[1]
    return line.decode("utf-8", "replace").removeprefix("log ")


def signer(data: bytes, keys: Sequence[VerifierKey]) -> VerifierKey:
    """The one of these keys that a one-signature note names.

    Raises:
        UnknownKeyError: it names none of them.
    """
    first = note.parse(data).signatures[0]
    for key in keys:
        if (key.name, key.key_id) == (first.name, first.key_id):
            return key
    raise UnknownKeyError(f"{first.name}: not a key that may sign this kind of note")
