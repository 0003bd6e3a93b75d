# SPDX-License-Identifier: EUPL-1.2
"""Where the secret that encrypts a device's keys at rest is kept: one module a place.

    tpm2       a TPM 2.0, through the programs of tpm2-tools            tested with a software TPM
    keychain   the keychain of macOS, through `security`                not run on a real device
    dpapi      the Data Protection API of Windows                       not run on a real device

`plain` is none of them: the keys lie in files that only the agent may read. docs/adr/0019
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from lakzegel_agent.errors import LedgerDamagedError, UsageError

AUTO: Final = "auto"
PLAIN: Final = "plain"
SECRET: Final = 32  # bytes of a secret
GONE: Final = "the keys of this device cannot be opened any more"
ENROL: Final = "run enrol with a new token"
MAX_BLOB: Final = 8192  # bytes of what `wrap` gives


class UnusableError(UsageError):
    """The place cannot be used now; nothing is lost, and it may be usable later."""


class LostError(LedgerDamagedError):
    """The place will never give the secret again: it was cleared, replaced, or is another's."""


class KeyWrap(Protocol):
    """Keeps one secret so that this device alone has it back.

    `unwrap(wrap(secret)) == secret`, for every secret of 32 bytes, in this process or another,
    after a restart; for a blob of another device, or one that was changed, `LostError`.
    """

    def wrap(self, secret: bytes) -> bytes:
        """Return at most 8,192 bytes that tell nothing of the secret, for `unwrap`.

        Raises:
            UnusableError: the place is not here, or not open to this user.
        """
        ...

    def unwrap(self, blob: bytes) -> bytes:
        """Return the secret that `wrap` was given.

        Raises:
            UnusableError: not now; the next time it may.
            LostError: never again.
        """
        ...


def _tpm2() -> KeyWrap:
    from lakzegel_agent.keywraps.tpm2 import Tpm2  # noqa: PLC0415 - most devices need one of them

    return Tpm2()


def _keychain() -> KeyWrap:
    from lakzegel_agent.keywraps.keychain import Keychain  # noqa: PLC0415 - see above

    return Keychain()


def _dpapi() -> KeyWrap:
    from lakzegel_agent.keywraps.dpapi import Dpapi  # noqa: PLC0415 - see above

    return Dpapi()


WRAPS: Final[Mapping[str, Callable[[], KeyWrap]]] = {
    "tpm2": _tpm2,
    "keychain": _keychain,
    "dpapi": _dpapi,
}
CHOICES: Final = (AUTO, PLAIN, *WRAPS)
