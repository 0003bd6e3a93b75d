# SPDX-License-Identifier: EUPL-1.2
"""Where the user's system keeps Signal's secret: a keyring of Linux, the Keychain, DPAPI.

Each is asked through the system's own program or call, in the user's session. An agent that runs as
somebody else asks the helper there (docs/spec/session-helper.md). Only the password passes through
here, never a path or a text.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lakzegel_agent.helper.asking import SessionSecrets
from lakzegel_agent.helper.ways import road
from lakzegel_agent.platforms import system
from lakzegel_agent.stores.signal_dpapi import unprotected

if TYPE_CHECKING:
    from lakzegel_agent.stores.signal_keys import Secrets

ASKED: Final = 20.0  # seconds; a keyring that is locked asks the user, who may not be there
_MOST: Final = 4096  # bytes of a password
_SECRET_SERVICE: Final = ("/usr/bin/secret-tool", "lookup", "application", "Signal")
_KWALLET: Final = (
    *("/usr/bin/kwallet-query", "kdewallet"),
    *("-f", "Chromium Keys", "-r", "Chromium Safe Storage"),
)
_KEYCHAIN: Final = (
    *("/usr/bin/security", "find-generic-password"),
    *("-w", "-s", "Signal Safe Storage"),
)


class SystemSecrets:
    """The secrets of the user whose session this process belongs to."""

    def password(self, backend: str) -> bytes | None:
        """Return what the keyring of this name tells: Secret Service, KWallet, or Keychain."""
        if backend == "keychain":
            return answer_of(_KEYCHAIN)
        if backend.startswith("kwallet"):
            return answer_of(_KWALLET)
        return answer_of(_SECRET_SERVICE) if backend == "gnome_libsecret" else None

    def unprotect(self, blob: bytes) -> bytes | None:
        """Return what Windows protected for this user; None on any other system."""
        return unprotected(blob)


def secrets(owner: int) -> Secrets:
    """Return the secrets of a store's owner: of this process's user, or of another's session."""
    return SystemSecrets() if system.me() == owner else SessionSecrets(road(), owner)


def answer_of(command: Sequence[str]) -> bytes | None:
    """Return what a program prints, without its last newline; None where it fails or says nothing.

    It is killed after `ASKED` seconds.
    """
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASKED, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.removesuffix(b"\n")
    return answer if done.returncode == 0 and 0 < len(answer) <= _MOST else None
