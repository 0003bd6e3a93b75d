# SPDX-License-Identifier: EUPL-1.2
"""How much one device, or one address, may ask for (docs/spec/http.md §4).

A device is only counted once its signature was verified, so that nobody uses up another's share;
before that its address is. Counts are in memory: a start begins anew. Any thread may ask.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from lakzegel_server.errors import TooManyError
from lakzegel_server.settings_limits import LimitSettings
from lakzegel_server.words import text

MAX_KNOWN: Final = 65_536  # senders that are counted; the one longest unheard makes room
LONGEST_WAIT: Final = 3600  # seconds that anybody is told to wait
BEYOND: Final = text("beyond {limit}; try again in {after} s")
_MINUTE: Final = 60.0
_QUARTER: Final = 900.0
_DAY: Final = 86_400.0
_NETWORK: Final = 64  # bits of an IPv6 address that are one sender's
K = TypeVar("K")


@dataclass(slots=True)
class Bucket:
    """What is left of a share that fills up again evenly; below nothing after one large request."""

    share: float
    period: float  # seconds in which it fills up
    left: float
    at: float

    def refill(self, now: float) -> None:
        """Count what has come since."""
        self.left = min(self.share, self.left + (now - self.at) * self.share / self.period)
        self.at = now

    def wait(self, wanted: float) -> float:
        """Seconds until there is so much."""
        return max(0.0, (wanted - self.left) * self.period / self.share)


class Buckets:
    """A bucket a sender."""

    def __init__(self, share: float | None, period: float, clock: Callable[[], float]) -> None:
        self._share = share
        self._period = period
        self._clock = clock
        self._known: OrderedDict[str, Bucket] = OrderedDict()

    def wait(self, sender: str) -> float:
        """Seconds until this sender may ask for something."""
        return 0.0 if self._share is None else self._of(sender, self._share).wait(1.0)

    def take(self, sender: str, amount: float = 1.0) -> None:
        """Count what was asked for."""
        if self._share is not None:
            self._of(sender, self._share).left -= amount

    def _of(self, sender: str, share: float) -> Bucket:
        now = self._clock()
        found = self._known.setdefault(sender, Bucket(share, self._period, share, now))
        self._known.move_to_end(sender)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        found.refill(now)
        return found


class Limits:
    """The limits of one receiver; ``counts`` says how often each was met."""

    def __init__(
        self, settings: LimitSettings | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        decided = settings or LimitSettings()
        self._settings = decided
        self._lock = threading.Lock()
        self._requests = Buckets(decided.device_requests, _MINUTE, clock)
        self._bytes = Buckets(decided.device_bytes, _DAY, clock)
        self._heartbeats = Buckets(decided.device_heartbeats, _MINUTE, clock)
        self._addresses = Buckets(decided.address_requests, _MINUTE, clock)
        self._links = Buckets(decided.address_links, _QUARTER, clock)
        self._uploads: Counter[str] = Counter()
        self._unproven: Counter[str] = Counter()
        self._met: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """How often each limit was met since the start, by its key in the settings."""
        with self._lock:
            return {name: self._met[name] for name in type(self._settings).model_fields}

    def address(self, host: str | None) -> None:
        """Count a request without login.

        Raises:
            TooManyError: too many came from there.
        """
        self._from(host, self._addresses, "address_requests")

    def wrong_link(self, host: str | None) -> None:
        """Count a personal link that opens nothing; one that opens something is never counted.

        Raises:
            TooManyError: too many came from there.
        """
        self._from(host, self._links, "address_links")

    def device(self, name: str) -> None:
        """Count a request that this device has signed.

        Raises:
            TooManyError: it makes too many.
        """
        with self._lock:
            self._require(self._requests.wait(name), "device_requests")
            self._requests.take(name)

    def heartbeat(self, name: str) -> None:
        """Count a heartbeat that this device has signed; one a minute is owed.

        Raises:
            TooManyError: it sends too many.
        """
        with self._lock:
            self._require(self._heartbeats.wait(name), "device_heartbeats")
            self._heartbeats.take(name)

    @contextmanager
    def upload(self, host: str | None) -> Iterator[Ticket]:
        """One upload, of whose sender only the address is known at first.

        Raises:
            TooManyError: too many others from there are no further either.
        """
        sender = network_of(host)
        if sender is not None:
            with self._lock:
                full = self._unproven[sender] >= self._settings.address_uploads
                self._require(1.0 if full else 0.0, "address_uploads")
                self._unproven[sender] += 1
        ticket = Ticket(self, sender)
        try:
            yield ticket
        finally:
            ticket.end()

    def begin_upload(self, device: str, sender: str | None) -> None:
        """From now on it is this device's.

        Raises:
            TooManyError: the device has too many, or has sent its share.
        """
        with self._lock:
            self._require(self._requests.wait(device), "device_requests")
            self._requests.take(device)
            self._require(self._bytes.wait(device), "device_bytes")
            full = self._uploads[device] >= self._settings.device_uploads
            self._require(1.0 if full else 0.0, "device_uploads")
            self._uploads[device] += 1
            _less(self._unproven, sender)

    def end_upload(self, device: str | None, sender: str | None, size: int) -> None:
        """It is over; count what came."""
        with self._lock:
            if device is None:
                _less(self._unproven, sender)
            else:
                _less(self._uploads, device)
                self._bytes.take(device, size)

    def _from(self, host: str | None, buckets: Buckets, limit: str) -> None:
        sender = network_of(host)
        if sender is None:
            return
        with self._lock:
            self._require(buckets.wait(sender), limit)
            buckets.take(sender)

    def _require(self, wait: float, limit: str) -> None:
        if wait > 0:
            self._met[limit] += 1
            after = min(int(wait) + 1, LONGEST_WAIT)
            raise TooManyError(BEYOND.format(limit=limit, after=after), seconds=after)


class Ticket:
    """What one upload counts for."""

    def __init__(self, limits: Limits, sender: str | None) -> None:
        self._limits = limits
        self._sender = sender
        self._device: str | None = None
        self._size = 0

    def admit(self, device: str) -> None:
        """The device has proven itself; raises TooManyError as ``Limits.begin_upload``."""
        self._limits.begin_upload(device, self._sender)
        self._device = device

    def count(self, size: int) -> None:
        """So many bytes came."""
        self._size += size

    def end(self) -> None:
        """It is over."""
        self._limits.end_upload(self._device, self._sender, self._size)


def network_of(host: str | None) -> str | None:
    """What of an address is one sender: an IPv4 address, 64 bits of IPv6; None for this machine."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            outer = ipaddress.ip_network((address, _NETWORK), strict=False)
            return None if address.is_loopback else str(outer)
        address = address.ipv4_mapped
    return None if address.is_loopback else str(address)


def _less(counter: Counter[K], key: K | None) -> None:
    if key is not None:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]
