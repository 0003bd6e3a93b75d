# SPDX-License-Identifier: EUPL-1.2
"""Whether a receiver may seal, and why not (docs/spec/recovery.md §2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakzegel_server.errors import ForkedError, ReadOnlyError


class Phase(StrEnum):
    """What a receiver is doing about being the newest log."""

    SEALING = "sealing"
    ASKING = "asking"
    CATCHING_UP = "catching-up"
    SHORT = "short"
    FORKED = "forked"


@dataclass(frozen=True, slots=True)
class Standing:
    """The phase, and in words for an operator what it waits for."""

    phase: Phase
    detail: str = ""
    known: int = 0  # the largest size that anybody named

    @property
    def sealing(self) -> bool:
        """Whether entries may be appended."""
        return self.phase is Phase.SEALING

    def require_sealing(self) -> None:
        """Return when entries may be appended.

        Raises:
            ReadOnlyError: not now, or never again.
        """
        if self.phase is Phase.FORKED:
            raise ForkedError("this log forked; nothing is sealed by it any more")
        if not self.sealing:
            raise ReadOnlyError("nothing is sealed until this is known to be the newest log")


SEALING: Final = Standing(Phase.SEALING)
