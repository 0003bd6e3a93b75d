# SPDX-License-Identifier: EUPL-1.2
"""What the courier states of what went wrong: for as long as it lasts, or until somebody looked.

waiting may mend it   network, answer, room, disk    one problem at a time, and none once it works
it does not           rollback, fork, revoked, …     a problem that stays, evidence where it is due
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Final

from lakzegel_agent.backoff import NETWORK, Cause
from lakzegel_agent.causes import cause_of
from lakzegel_agent.devicekeys import Introduction
from lakzegel_agent.errors import (
    AgentError,
    LedgerDamagedError,
    UnreachableError,
    UnwritableError,
)
from lakzegel_agent.liaison import Liaison
from lakzegel_agent.link import LogAlarmError
from lakzegel_agent.transport import NeverError, UnsureError
from lakzegel_core.errors import LakzegelError

_AGAIN: Final = (UnreachableError, UnwritableError)  # what waiting may mend
_PASSING: Final = frozenset({*NETWORK, Cause.ANSWER.code, Cause.ROOM.code, Cause.DISK.code})
_LOST: Final = "state-lost"


def is_final(error: Exception) -> bool:
    """Whether nothing is to be sent before somebody has looked at it."""
    if isinstance(error, LogAlarmError | NeverError):
        return True
    return isinstance(error, AgentError) and not isinstance(error, _AGAIN)


def state_final(liaison: Liaison, error: Exception) -> None:
    """State what waiting does not mend."""
    if isinstance(error, LogAlarmError):
        with suppress(UnwritableError):
            liaison.alarm(error)
    elif isinstance(error, NeverError):
        _add(liaison, _code(error), error)
    elif isinstance(error, LedgerDamagedError):
        _add(liaison, _LOST, error)


def state_passing(liaison: Liaison, error: Exception, current: Introduction) -> None:
    """State what may pass, in the place of what was in the way before."""
    if isinstance(error, UnsureError):  # the log's own word, which only a device may have
        with suppress(AgentError, LakzegelError):
            liaison.link.cosign(current.keys.witness)
    code = cause_of(error).code
    _clear(liaison, _PASSING - {code})
    _add(liaison, code, error)


def state_none(liaison: Liaison) -> None:
    """State that nothing is in the way any more."""
    _clear(liaison, {*_PASSING, _LOST})


def _add(liaison: Liaison, code: str, error: Exception) -> None:
    with suppress(UnwritableError):  # it is shown all the same, and kept with the next one
        liaison.problems.add(liaison.ledger, code, str(error))


def _clear(liaison: Liaison, codes: Collection[str]) -> None:
    with suppress(UnwritableError):
        liaison.problems.clear(liaison.ledger, *codes)


def _code(error: NeverError) -> str:
    return error.code if error.code in {"revoked", "fork"} else "refused"
