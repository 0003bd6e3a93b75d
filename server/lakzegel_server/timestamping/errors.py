# SPDX-License-Identifier: EUPL-1.2
"""Why there is no token; the reasons are those of docs/spec/timestamps.md §3."""

from __future__ import annotations

from typing import ClassVar

from lakzegel_server.errors import ServerError


class TimestampError(ServerError):
    """An authority gave no token that can be kept; ``reason`` is a stable word."""

    code: ClassVar[str] = "timestamp"

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(f"{reason}: {what}")
        self.reason = reason
