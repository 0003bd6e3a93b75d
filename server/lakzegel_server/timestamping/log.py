# SPDX-License-Identifier: EUPL-1.2
"""What stamping needs of a log."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from lakzegel_core.checkpoint import Checkpoint


class Shown(Protocol):
    """The newest checkpoint and its exact bytes."""

    @property
    def checkpoint(self) -> Checkpoint:
        """What it says."""
        ...

    @property
    def data(self) -> bytes:
        """As it is served."""
        ...


class Log(Protocol):
    """A log that grows."""

    @property
    def shown(self) -> Shown:
        """The newest checkpoint."""
        ...

    def turn(self) -> AbstractContextManager[None]:
        """Keep others from looking at DATA while it changes."""
        ...
