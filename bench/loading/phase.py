# SPDX-License-Identifier: EUPL-1.2
"""One stretch of load: devices that push, others that only send heartbeats, what came of it.

A latency is counted from the moment at which an upload was due, also where its device was still
busy with the one before: a receiver that is slow for a second is slow for all who come in it.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from bench.loading.batches import Upload
from bench.loading.client import RETRY, Answer, Engine, Lane, Target

PATIENCE: Final = 60.0  # seconds for answers that are on their way when the time is over
PAUSE: Final = 0.05  # seconds before something is sent again that was not taken; doubled, jittered
LONGEST: Final = 2.0
LEAD: Final = 0.5  # seconds until it begins


class Road(Protocol):
    """How an upload goes to a server, and when it counts as kept there."""

    ok: int

    def pieces(self, upload: Upload, target: Target) -> list[memoryview]:
        """The request."""
        ...

    def kept(self, upload: Upload, done: Callable[[float], None]) -> None:
        """Call back with the moment at which it is durable; its answer has come."""
        ...


class Receiver:
    """Ours: what has its receipt is durable."""

    ok = 200

    def pieces(self, upload: Upload, target: Target) -> list[memoryview]:
        """The request that an agent makes."""
        path = f"/v1/batches/{upload.name}"
        return [memoryview(request("PUT", path, target, len(upload.body))), upload.body]

    def kept(self, upload: Upload, done: Callable[[float], None]) -> None:
        """At once; the device's chain has grown."""
        upload.device.previous, upload.device.batch = upload.head, upload.device.batch + 1
        done(time.perf_counter())


def request(method: str, path: str, target: Target, length: int) -> bytes:
    """A request's head."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    return (
        f"{method} {path} HTTP/1.1\r\nHost: {host}:{target.port}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@dataclass(slots=True)
class Outcome:
    """What happened: of each sealed upload how long it took, and its receipt."""

    began: float = 0.0
    ended: float = 0.0
    took: list[float] = field(default_factory=list)
    size: int = 0
    receipts: list[tuple[Upload, bytes]] = field(default_factory=list)
    beats: list[float] = field(default_factory=list)
    again: Counter[int] = field(default_factory=Counter)  # by status, of what was tried again
    refused: list[str] = field(default_factory=list)  # what was refused for good


@dataclass(slots=True)
class Pusher:
    """One device at its uploads: the next one when the one before has its receipt."""

    lane: Lane
    target: Target
    uploads: Sequence[Upload]
    due: Callable[[int], float] | None  # of each upload; None: as soon as it can
    at: int = 0
    waits: float = PAUSE
    since: float = 0.0
    busy: bool = False


class Phase:
    """A stretch of load on some targets, by one engine."""

    def __init__(self, engine: Engine, targets: Sequence[Target], road: Road) -> None:
        self._engine = engine
        self._targets = targets
        self._road = road
        self._began = time.perf_counter() + LEAD
        self._over = False
        self._under_way = 0
        self._pushers: list[Pusher] = []
        self.found = Outcome()

    def push(self, chains: Sequence[Sequence[Upload]], rate: float | None) -> None:
        """Have each chain pushed by a connection of its own; all of them together at a rate."""
        began = self._began
        for place, chain in enumerate(chains):
            target = self._targets[place % len(self._targets)]
            lane = Lane(self._engine, target)
            pusher = Pusher(lane, target, chain, _due(began, place, len(chains), rate))
            self._pushers.append(pusher)
            self._engine.at(began, partial(self._next, pusher))

    def beat(self, notes: Sequence[bytes], rate: float) -> None:
        """Send heartbeats, each on a connection of its own: so many devices cannot keep theirs."""
        began = self._began
        for number, note in enumerate(notes):
            target = self._targets[number % len(self._targets)]
            moment = began + number / rate
            self._engine.at(moment, partial(self._beat, note, target, moment))

    def run(self, seconds: float) -> Outcome:
        """Return what came of it, once the time is over and everything has its answer."""
        self.found.began = self.found.ended = self._began
        end = self._began + seconds

        def over() -> bool:
            self._over = self._over or time.perf_counter() >= end
            return self._over and not self._under_way

        self._engine.run(over, deadline=end + PATIENCE)
        for pusher in self._pushers:
            pusher.lane.close()
        return self.found

    def _next(self, pusher: Pusher) -> None:
        if self._over or pusher.busy:
            return
        if pusher.at >= len(pusher.uploads):
            self._over = self._over or pusher.due is None  # who has nothing left ends it for all
            return
        now = time.perf_counter()
        due = now if pusher.due is None else pusher.due(pusher.at)
        if due > now:
            self._engine.at(due, partial(self._next, pusher))
            return
        pusher.since, pusher.busy, pusher.waits = due, True, PAUSE
        self._under_way += 1
        self._try(pusher)

    def _try(self, pusher: Pusher) -> None:
        upload = pusher.uploads[pusher.at]
        pieces = self._road.pieces(upload, pusher.target)
        pusher.lane.send(pieces, lambda answer: self._answered(pusher, upload, answer))

    def _answered(self, pusher: Pusher, upload: Upload, answer: Answer) -> None:
        if answer.status == self._road.ok:
            self._road.kept(upload, lambda at: self._kept(pusher, upload, answer.body, at))
        elif answer.status in RETRY or answer.status == 0:
            self.found.again[answer.status] += 1
            wait = pusher.waits * random.uniform(0.5, 1.0)
            pusher.waits = min(LONGEST, 2 * pusher.waits)
            self._engine.at(time.perf_counter() + wait, partial(self._try, pusher))
        else:
            self.found.refused.append(f"{answer.status} {answer.body[:200]!r}")
            self._under_way -= 1  # its chain ends here

    def _kept(self, pusher: Pusher, upload: Upload, receipt: bytes, at: float) -> None:
        self.found.took.append(at - pusher.since)
        self.found.size += len(upload.body)
        self.found.ended = max(self.found.ended, at)
        self.found.receipts.append((upload, receipt))
        self._under_way -= 1
        pusher.at, pusher.busy = pusher.at + 1, False
        self._next(pusher)

    def _beat(self, note: bytes, target: Target, due: float) -> None:
        if self._over:
            return
        self._under_way += 1
        lane = Lane(self._engine, target, lasting=False)
        head = memoryview(request("POST", "/v1/heartbeats", target, len(note)))
        lane.send([head, memoryview(note)], lambda answer: self._heard(answer, due))

    def _heard(self, answer: Answer, due: float) -> None:
        self._under_way -= 1
        if answer.status == 204:  # noqa: PLR2004 - No Content
            self.found.beats.append(answer.at - due)
        else:
            self.found.again[answer.status] += 1


def _due(began: float, place: int, many: int, rate: float | None) -> Callable[[int], float] | None:
    if rate is None:
        return None
    return lambda number: began + (number * many + place) / rate


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that such a part of them does not exceed; 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def told(found: Outcome) -> dict[str, Any]:
    """The figures of a phase."""
    seconds = max(1e-9, found.ended - found.began)
    return {
        "seconds": seconds,
        "sealed": len(found.took),
        "rate": len(found.took) / seconds,
        "mb_s": found.size / seconds / 1e6,
        "p50_ms": 1e3 * percentile(found.took, 0.50),
        "p99_ms": 1e3 * percentile(found.took, 0.99),
        "max_ms": 1e3 * max(found.took, default=0.0),
        "heartbeats": len(found.beats),
        "heartbeat_p99_ms": 1e3 * percentile(found.beats, 0.99),
        "tried_again": {str(status): many for status, many in sorted(found.again.items())},
        "refused": found.refused[:5],
    }
