# SPDX-License-Identifier: EUPL-1.2
"""A secret in the keychain of macOS, as a generic password; not run on a real device.

By the program `security`, whose commands go in by its standard input, so that no secret is ever
among the arguments of a process. The blob is the account's name, 32 hexadecimal digits.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Final

from lakzegel_agent.keywraps import ENROL, GONE, SECRET, LostError, UnusableError
from lakzegel_agent.keywraps.programs import Done, run

SERVICE: Final = "nl.lakzegel.agent"
_ACCOUNT: Final = re.compile(rb"[0-9a-f]{32}")
_SECRET: Final = re.compile(rf"[0-9a-f]{{{2 * SECRET}}}")
_NOT_FOUND: Final = 44  # errSecItemNotFound, as `security` ends with it


class Keychain:
    """The default keychain of the user that the agent runs as."""

    def __init__(self, run: Callable[..., Done] = run) -> None:
        self._run = run

    def wrap(self, secret: bytes) -> bytes:
        """Return the name of a new account that has the secret."""
        account = secrets.token_hex(16)
        line = f"add-generic-password -a {account} -s {SERVICE} -w {secret.hex()}\n"
        self._run(["security", "-i"], given=line.encode())  # it ends well whatever came of it
        try:
            kept = self.unwrap(account.encode())
        except LostError:
            kept = b""
        if kept != secret:
            raise UnusableError("keychain: does not keep what it is given; unlock it")
        return account.encode()

    def unwrap(self, blob: bytes) -> bytes:
        """Return the account's secret."""
        if not _ACCOUNT.fullmatch(blob):
            raise LostError(f"keychain: {GONE}: what lies here names no account; {ENROL}")
        words = ["security", "find-generic-password", "-s", SERVICE, "-w", "-a", blob.decode()]
        done = self._run(words)
        if done.status == _NOT_FOUND:
            raise LostError(f"keychain: {GONE}: the account is not there any more; {ENROL}")
        if done.status:
            raise UnusableError(f"keychain: security ended with {done.status}; unlock it")
        text = done.output.decode("ascii", "replace").removesuffix("\n")
        if not _SECRET.fullmatch(text):
            raise LostError(f"keychain: {GONE}: the account holds something else; {ENROL}")
        return bytes.fromhex(text)
