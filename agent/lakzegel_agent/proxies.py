# SPDX-License-Identifier: EUPL-1.2
"""By which proxy the receiver is reached: the setting's, a PAC file's, or the system's.

What comes back may hold a login; ``named`` is how logs and errors call it. docs/spec/settings.md §4
"""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from lakzegel_agent.pac import PacError
from lakzegel_agent.settingsconfig import LOOPBACK, NONE, SYSTEM

KEEP: Final = 600.0  # seconds that an answer is used: the device may have moved since
DIRECT: Final = None


class SystemProxies(Protocol):
    """What the system says: its variables, SystemConfiguration, or the registry."""

    def proxies(self) -> Mapping[str, str]:
        """The proxy's address for each scheme."""
        ...

    def bypasses(self, host: str) -> bool:
        """Whether this host is reached without one."""
        ...


class OwnSystem:
    """This system, through Python's own library; macOS and Windows not run on a real device."""

    def proxies(self) -> Mapping[str, str]:
        """The proxy's address for each scheme."""
        return urllib.request.getproxies()

    def bypasses(self, host: str) -> bool:
        """Whether this host is reached without one."""
        return bool(urllib.request.proxy_bypass(host))


class Routes:
    """The ways to one server, tried in their order; an address, or None for no proxy."""

    def __init__(
        self,
        server: str,
        *,
        proxy: str = SYSTEM,
        pac: Callable[[str], Sequence[str | None]] | None = None,
        system: SystemProxies | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is asked yet.

        Args:
            server: the receiver's address.
            proxy: ``system``, ``none`` or an address.
            pac: the ways that a PAC file names for an address; raises PacError.
            system: what the system says.
            clock: seconds that never go back.
        """
        self._server = server
        self._proxy = proxy
        self._pac = pac
        self._system = OwnSystem() if system is None else system
        self._clock = clock
        self._ways: list[str | None] = []
        self._asked = 0.0
        self.trouble = ""  # why the PAC file was of no use, without a login

    def current(self) -> str | None:
        """The way to try now."""
        if not self._ways or self._clock() - self._asked > KEEP:
            self._ways = list(self._find()) or [DIRECT]
            self._asked = self._clock()
        return self._ways[0]

    def failed(self) -> None:
        """Take the next way; after the last one all are found anew."""
        del self._ways[:1]

    def _find(self) -> Sequence[str | None]:
        parts = urlsplit(self._server)
        host = parts.hostname or ""
        self.trouble = ""
        if host in LOOPBACK or self._proxy == NONE:
            return [DIRECT]
        if self._pac is not None:
            try:
                return self._pac(self._server)
            except PacError as error:
                self.trouble = str(error)
                return [DIRECT]  # as browsers do: at home the file is not there
        if self._proxy != SYSTEM:
            return [self._proxy]
        if self._system.bypasses(host):
            return [DIRECT]
        found = self._system.proxies()
        address = found.get(parts.scheme) or found.get("all")
        return [_with_scheme(address)] if address else [DIRECT]


def named(address: str) -> str:
    """Host and port of a proxy, which is all of it that may be told."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"
