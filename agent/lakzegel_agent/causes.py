# SPDX-License-Identifier: EUPL-1.2
"""Why a try to reach the receiver failed."""

from __future__ import annotations

from typing import Final

from lakzegel_agent.backoff import Cause
from lakzegel_agent.errors import AgentError, DiskFailedError, SpoolFullError
from lakzegel_agent.transport import LaterError, ProxyError, TlsError
from lakzegel_core.errors import LakzegelError

_BY_TYPE: Final = (
    (LaterError, Cause.BUSY),
    (ProxyError, Cause.PROXY),
    (TlsError, Cause.TLS),
    (SpoolFullError, Cause.ROOM),
    (DiskFailedError, Cause.DISK),
)


def cause_of(error: Exception) -> Cause:
    """The cause that a wait is for."""
    for kind, cause in _BY_TYPE:
        if isinstance(error, kind):
            return cause
    if isinstance(error, LakzegelError) and not isinstance(error, AgentError):
        return Cause.ANSWER
    return Cause.UNREACHABLE
