# SPDX-License-Identifier: EUPL-1.2
"""How the settings' token is opened, for whoever loads the log's keys."""

from __future__ import annotations

from collections.abc import Callable

from lakzegel_core.keys import Signer
from lakzegel_server.logkey.key import TokenKey
from lakzegel_server.settings import Settings


def opener(settings: Settings, *, make: bool = False) -> Callable[[str], Signer] | None:
    """What opens the token of an origin's log; None where the key is a file."""
    place = settings.log_key
    if place is None:
        return None
    return lambda origin: TokenKey.open(origin, place, make=make)
