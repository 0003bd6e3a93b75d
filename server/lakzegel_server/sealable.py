# SPDX-License-Identifier: EUPL-1.2
"""What must hold of an entry beyond the rules of the custody: this log, this road."""

from __future__ import annotations

from lakzegel_core import enrolment, entries, keyringchange
from lakzegel_core.errors import ConsistencyError, ExpiredError, RootMismatchError
from lakzegel_server.errors import MisplacedError
from lakzegel_server.logstate import LogState
from lakzegel_server.recovery.following import proven_root


def note_kind(data: bytes) -> str:
    """The kind of an entry that may be published by itself.

    Raises:
        MisplacedError: a batch's header or a keyring change, which travel with what they name.
        FormatError: no entry of a log.
    """
    kind = entries.kind_of(data)
    if kind == entries.BATCH:
        raise MisplacedError("a batch's header is sealed with its batch, at /v1/batches")
    if kind == keyringchange.KIND:
        raise MisplacedError("a keyring change is sealed with its keyring, at /v1/keyrings")
    return kind


def require_enrolment_seen(log: LogState, data: bytes) -> str:
    """The device that enrols, when what it saw was this log and its leave has not expired.

    Raises:
        ConsistencyError, RootMismatchError: it saw another log.
        ExpiredError: by this receiver's clock; the device's own is the custody's to judge.
    """
    peeked = enrolment.peek_enrolment(data)
    require_seen(log, f"device {peeked.device}", peeked.seen_size, peeked.seen_root)
    if not peeked.reason.by_old_key:
        _require_in_time(log, peeked, data)
    return peeked.device


def _require_in_time(log: LogState, found: enrolment.Enrolment, data: bytes) -> None:
    """Return where the admission's last moment has not come (docs/spec/admission.md §3)."""
    with log.looking() as custody:
        state = custody.admissions.get(found.admission)
    if state is not None and log.now >= state.admission.expires:
        enrolment.open_enrolment(data, state.admission.token)  # else anybody could claim it
        raise ExpiredError(
            f"device {found.device}: the admission expired at"
            f" {state.admission.expires:%Y-%m-%d}, by this receiver's clock"
        )


def require_seen(log: LogState, who: str, size: int, root: bytes) -> None:
    """Return when what somebody saw is a tree of this log.

    Raises:
        ConsistencyError: it saw more entries than there are: this log was rolled back.
        RootMismatchError: it saw another log: somebody shows two.
        DamageError: our tiles do not tell.
    """
    shown = log.shown.checkpoint
    if size > shown.size:
        raise ConsistencyError(f"{who}: saw a log of {size} entries, this one has {shown.size}")
    if log.root(size) != root and proven_root(log, size) != root:
        raise RootMismatchError(f"{who}: saw another log of {size} entries")
