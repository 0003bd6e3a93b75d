# SPDX-License-Identifier: EUPL-1.2
"""The agent's tree of errors.

    AgentError
    ├── UsageError              configuration or arguments (exit 2)
    │   └── UnknownReaderError  a source of a kind that this agent cannot read
    ├── ChangedError            a file is shorter than when it was opened
    ├── StoreError              a chat store cannot be read, and why as a slug
    ├── SpoolFullError          no room for another batch
    ├── SealingError            the sealing processes cannot work
    ├── LedgerDamagedError      the ledger cannot be read with this key
    ├── UnreachableError        the receiver does not answer
    ├── RefusedError            the receiver says never
    └── RollbackError           the log lacks what this device holds a receipt for

No message holds content or a path from a watched folder.
"""


class AgentError(Exception):
    """Any failure of the agent that it can name."""


class UsageError(AgentError):
    """The configuration or the arguments are wrong; exit 2."""


class UnknownReaderError(UsageError):
    """No reader of this kind."""


class ChangedError(AgentError):
    """A file is shorter than when it was opened."""


class StoreError(AgentError):
    """A chat store cannot be read; ``reason`` is a slug (docs/spec/conversations.md §3)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SpoolFullError(AgentError):
    """There is no room for another batch."""


class SealingError(AgentError):
    """The sealing processes cannot be started, or cannot write the spool."""


class LedgerDamagedError(AgentError):
    """The ledger cannot be read, or not with this key."""


class UnreachableError(AgentError):
    """The receiver does not answer."""


class RefusedError(AgentError):
    """The receiver refuses, and will."""


class RollbackError(AgentError):
    """The log lacks what this device holds a receipt for."""
