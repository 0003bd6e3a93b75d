# SPDX-License-Identifier: EUPL-1.2
"""When what a device trusts its receiver by comes to its end (docs/spec/heartbeat.md §1)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakzegel_agent.lean import requests


def end_of_peer(answer: requests.Response) -> datetime | None:
    """The end of the certificate of who answers; None where there is no TLS, or none to be had."""
    connection = getattr(answer.raw, "connection", None)
    socket = getattr(connection, "sock", None)
    try:
        found = socket.getpeercert() if socket is not None else None
    except (AttributeError, ValueError, OSError):  # no TLS, or closed meanwhile
        return None
    return _end(found) if found else None


def end_of_file(path: Path) -> datetime | None:
    """The end of the last certificate in a file of CAs: from then on nobody is trusted by it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError):  # `doctor` says what is wrong with it
        return None
    ends = [end for found in context.get_ca_certs() if (end := _end(found)) is not None]
    return max(ends, default=None)


def _end(certificate: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None
