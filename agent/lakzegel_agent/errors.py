# SPDX-License-Identifier: EUPL-1.2
"""The agent's tree of errors.

    AgentError
    ├── UsageError              configuration or arguments (exit 2)
    │   └── UnknownReaderError  a source of a kind that this agent cannot read
    ├── ChangedError            a file is shorter than when it was opened
    ├── StoreError              a chat store cannot be read, and why as a slug
    ├── UnwritableError         this disk does not take what has to be kept; it is tried again
    │   ├── SpoolFullError      no room for another batch
    │   └── DiskFailedError     it answers with an error
    ├── SealingError            the sealing processes cannot work
    ├── LedgerDamagedError      the ledger cannot be read with this key
    ├── UnfitError              this version of the agent does not work here (exit 5)
    │   └── NewerLedgerError    a later one made the ledger
    ├── UnreachableError        the receiver does not answer
    ├── RefusedError            the receiver says never
    └── RollbackError           the log lacks what this device holds a receipt for

No message holds content or a path from a watched folder.
"""

import errno
from typing import ClassVar, Final

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_FAILS: Final = (errno.EIO, errno.EROFS)  # after an error, a file system may be read-only


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


class UnwritableError(AgentError):
    """This disk does not take what has to be kept: nothing of it is done, and it is tried again.

    ``code`` is the problem that it is stated as.
    """

    code: ClassVar[str]


class SpoolFullError(UnwritableError):
    """There is no room for another batch."""

    code = "spool-full"


class DiskFailedError(UnwritableError):
    """The disk answers with an error."""

    code = "disk-failed"


class SealingError(AgentError):
    """The sealing processes cannot be started, or cannot write the spool."""


class LedgerDamagedError(AgentError):
    """The ledger cannot be read, or not with this key."""


class UnfitError(AgentError):
    """This version of the agent does not work with what is here; nothing was changed. Exit 5."""


class NewerLedgerError(UnfitError):
    """A later version made this ledger, in a format that this one does not know."""


class UnreachableError(AgentError):
    """The receiver does not answer."""


class RefusedError(AgentError):
    """The receiver refuses, and will."""


class RollbackError(AgentError):
    """The log lacks what this device holds a receipt for."""


UNWRITABLE: Final = (SpoolFullError.code, DiskFailedError.code)


def unwritable(error: OSError, what: str) -> UnwritableError | None:
    """What an error of the system says of the disk; None where it is about something else."""
    if error.errno in _FULL:
        return SpoolFullError(f"{what}: no room on the disk")
    if error.errno in _FAILS:
        return DiskFailedError(f"{what}: the disk fails ({error.strerror})")
    return None
