# SPDX-License-Identifier: EUPL-1.2
"""Counts of what a receiver did since it started (docs/spec/monitoring.md §2).

In a registry of its own: a second receiver in one process, as in tests, counts for itself.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS: Final = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)
NO_ROUTE: Final = "none"


class Traffic:
    """Requests, answers, refusals, batches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Histogram(
            "lakzegel_request_seconds",
            "From a request's head to the head of its answer",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "lakzegel_refusals", "Requests that were refused", ["code"], registry=registry
        )
        self._batches = Counter("lakzegel_batches", "Batches sealed", registry=registry)
        self._bytes = Counter("lakzegel_batch_bytes", "Bytes of them", registry=registry)

    def answered(
        self, method: str, route: str, status: int, *, seconds: float, code: str | None
    ) -> None:
        """A request has its answer; ``code`` is that of its problem document."""
        self._requests.labels(method, route, str(status)).observe(seconds)
        if code is not None:
            self._refusals.labels(code).inc()

    def sealed(self, size: int) -> None:
        """A batch was sealed."""
        self._batches.inc()
        self._bytes.inc(size)
