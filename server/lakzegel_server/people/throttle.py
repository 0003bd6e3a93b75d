# SPDX-License-Identifier: EUPL-1.2
"""What keeps guessing slow: failures by name and address, forgotten in time (people.md §4)."""

from __future__ import annotations

import hashlib
import ipaddress
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from lakzegel_server.errors import TooManyError

WINDOW: Final = 15 * 60  # seconds in which failures are counted, and for which a door stays shut
PAIR: Final = 5  # failures of a name from one address
ADDRESS: Final = 20  # of an address
NAME: Final = 50  # of a name, from everywhere: high, so that nobody shuts somebody else out
REMEMBERED: Final = 10_000
_PREFIX: Final = 64  # bits of an IPv6 address that one subscriber has at least
_KINDS: Final = (("pair", PAIR), ("address", ADDRESS), ("name", NAME))


@dataclass(slots=True)
class _Count:
    first: float
    failures: int = 0
    until: float = 0.0


class Throttle:
    """The doors that are shut, and how near the others are to it."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, _Count] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, name: str | None, address: str, now: float) -> bool:
        """Count one attempt as failed until ``success`` says otherwise; True when it shuts a door.

        Counted before it is known, so that attempts side by side are not more than those in a row.

        Raises:
            TooManyError: a door is shut; nothing was counted.
        """
        with self._lock:
            counts = [(self._count(key, now), limit) for key, limit in _keys(name, address)]
            shut = max(count.until for count, _ in counts)
            if shut > now:
                raise TooManyError("too many failures; try again later", seconds=shut - now)
            shuts = False
            for count, limit in counts:
                count.failures += 1
                if count.failures >= limit:
                    count.until, shuts = now + WINDOW, True
            return shuts

    def success(self, name: str | None, address: str) -> None:
        """Take the attempt back, and forget the failures of this name from there."""
        with self._lock:
            if name is not None:
                self._counts.pop(_keys(name, address)[0][0], None)
            for key, limit in _keys(name, address):
                count = self._counts.get(key)
                if count is not None:
                    count.failures -= 1
                    if count.failures < limit:
                        count.until = 0.0

    def _count(self, key: bytes, now: float) -> _Count:
        """What is counted of a key; anew after its time, and where the clock was ahead before."""
        count = self._counts.get(key)
        if count is None or not count.first - WINDOW < now < max(count.first + WINDOW, count.until):
            count = self._counts[key] = _Count(now)
        self._counts.move_to_end(key)
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return count


def _keys(name: str | None, address: str) -> list[tuple[bytes, int]]:
    """What is counted, each with its limit; hashed, so that what was typed stays nowhere."""
    where = _network(address)
    parts = {"address": where}
    if name is not None:  # single sign-on has its own for names
        parts = {"pair": f"{where} {name}", "address": where, "name": name}
    return [
        (hashlib.sha256(f"{kind} {parts[kind]}".encode("utf-8", "replace")).digest(), limit)
        for kind, limit in _KINDS
        if kind in parts
    ]


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 - of the Internet Protocol
        return str(found)
    return str(ipaddress.ip_network((int(found), _PREFIX), strict=False))
