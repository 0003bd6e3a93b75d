# SPDX-License-Identifier: EUPL-1.2
"""Bearer tokens for the mirror: ``NAME.SECRET``, of which only the secret's SHA-256 is kept.

    herstel 8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4

A secret has 256 random bits, so that a slow hash would guard nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_office import durable
from lakzegel_office.errors import UsageError

SECRET: Final = 32  # bytes
MAX_TOKENS: Final = 65_536  # bytes of the file
MAX_TOKEN: Final = 128  # characters of a token that is shown
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\Z")
_LINE: Final = re.compile(r"([a-z0-9_-]{1,63}) ([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class Tokens:
    """The file of tokens; it is read again for every request, so that a removal counts at once."""

    path: Path

    def add(self, name: str, *, random: Callable[[int], bytes]) -> str:
        """Return a new token; it is shown once and kept nowhere.

        Raises:
            UsageError: the name is taken, or not one.
        """
        if not _NAME.match(name):
            raise UsageError(f"token {name!r}: use 1 to 63 of a-z, 0-9, inner - and _")
        known = self._read()
        if name in known:
            raise UsageError(f"token {name}: exists already; remove it first")
        secret = random(SECRET)
        self._write({**known, name: hashlib.sha256(secret).hexdigest()})
        return f"{name}.{base64.urlsafe_b64encode(secret).decode().rstrip('=')}"

    def remove(self, name: str) -> None:
        """Take a token away.

        Raises:
            UsageError: nobody has this name.
        """
        known = self._read()
        if known.pop(name, None) is None:
            raise UsageError(f"token {name}: does not exist")
        self._write(known)

    def knows(self, authorization: str | None) -> bool:
        """Tell whether an ``Authorization`` header shows a token that was given out."""
        scheme, _, token = (authorization or "").partition(" ")
        name, dot, text = token.partition(".")
        if scheme.lower() != "bearer" or not dot or len(token) > MAX_TOKEN:
            return False
        try:
            secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            return False
        kept = self._read().get(name)
        shown = hashlib.sha256(secret).hexdigest()
        return hmac.compare_digest(shown, kept or "-" * len(shown)) and kept is not None

    def _read(self) -> dict[str, str]:
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_TOKENS + 1)
        except FileNotFoundError:
            return {}
        lines = data.decode("ascii", "replace").splitlines()
        found = [_LINE.match(line) for line in lines]
        if len(data) > MAX_TOKENS or not all(found):
            raise UsageError(f"{self.path}: not a file of tokens; remove it and make them anew")
        return {match[1]: match[2] for match in found if match}

    def _write(self, known: dict[str, str]) -> None:
        text = "".join(f"{name} {digest}\n" for name, digest in sorted(known.items()))
        durable.write_file(self.path, text.encode())
