# SPDX-License-Identifier: EUPL-1.2
"""What keeps a keyring from being replaced by what it should not be (docs/spec/stores.md §5)."""

from __future__ import annotations

import hashlib

from lakzegel_server.errors import RacedError, SpoiltError
from lakzegel_server.stores.names import parts_of_next


def require_as_named(waiting: str, data: bytes) -> None:
    """Return when these bytes are what the name of the keyring that waits says.

    Raises:
        SpoiltError: they are not: cut short, or changed where they lay.
    """
    _, digest = parts_of_next(waiting)
    if hashlib.sha256(data).hexdigest() != digest:
        raise SpoiltError(
            f"{waiting}: is not what its name says, so nothing was replaced; send the change again"
        )


def raced(name: str) -> RacedError:
    """The error of a name that has become another's since one looked."""
    return RacedError(f"{name}: another receiver replaced it at this moment; send it again")
