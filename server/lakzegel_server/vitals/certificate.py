# SPDX-License-Identifier: EUPL-1.2
"""The receiver's own certificate: until when the one that is served holds, and what lies there.

A renewed certificate that nobody had the receiver read is found before the old one ends.
docs/spec/monitoring.md §3
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from lakzegel_server.vitals.probes import FailedError

MAX_FILE: Final = 2**18  # bytes of a file of certificates


@dataclass(frozen=True, slots=True)
class Chain:
    """What a file of certificates says, and which file it is."""

    digest: bytes
    begins: datetime
    leaf: datetime  # when the receiver's own certificate ends: what devices see
    ends: datetime  # when the first of the chain does


@dataclass(frozen=True, slots=True)
class State:
    """How the certificate stands; ``unread``: another lies in the file, or nothing of use."""

    begins: datetime
    ends: datetime
    unread: bool


class Served:
    """The certificate of one receiver; without TLS there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._now: Chain | None = None
        self._leaves: frozenset[datetime] = frozenset()

    def take(self, found: Chain | None) -> None:
        """Remember that this is what is served from now on."""
        self._now = found
        if found is not None:
            self._leaves |= {found.leaf}

    def state(self) -> State | None:
        """How it stands; None without TLS."""
        now = self._now
        if now is None:
            return None
        lying = self.look()
        return State(now.begins, now.ends, lying is None or lying.digest != now.digest)

    def is_own(self, end: datetime) -> bool:
        """Whether a certificate that ends then is this receiver's, or was since its start."""
        return end in self._leaves

    def test(self, clock: Callable[[], float]) -> str:
        """That whoever connects now can trust the certificate, as far as its dates go.

        Raises:
            FailedError: it is over, or not valid yet.
        """
        found = self.state()
        if found is None:
            return "no TLS"
        now = clock()
        if now >= found.ends.timestamp():
            raise FailedError(f"it ended at {found.ends:%Y-%m-%dT%H:%M:%SZ}")
        if now < found.begins.timestamp():
            raise FailedError(f"it begins at {found.begins:%Y-%m-%dT%H:%M:%SZ}")
        more = "; another lies in its file: reload" if found.unread else ""
        return f"ends at {found.ends:%Y-%m-%dT%H:%M:%SZ}{more}"

    def look(self) -> Chain | None:
        """What lies there; None when that is nothing of use."""
        if self._path is None:
            return None
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE)
            chain = x509.load_pem_x509_certificates(data)
        except (OSError, ValueError):
            return None
        return Chain(
            hashlib.sha256(data).digest(),
            max(one.not_valid_before_utc for one in chain),
            chain[0].not_valid_after_utc,
            min(one.not_valid_after_utc for one in chain),
        )
