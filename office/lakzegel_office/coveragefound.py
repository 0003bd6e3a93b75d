# SPDX-License-Identifier: EUPL-1.2
"""The coverage of each device in a mirror, from its headers or from what it stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lakzegel_office.catalog import Catalog
from lakzegel_office.coverage import Coverage, by_batches, by_statements
from lakzegel_office.errors import DoubtError
from lakzegel_office.replay import Replay
from lakzegel_office.verification import Verification


def coverage_of(found: Verification, catalog: Catalog | None) -> dict[str, Coverage]:
    """Return by device what is covered; without a catalog from the times of batches alone."""
    replay = found.replay
    if replay is None or found.signed is None:
        return {}
    closed: defaultdict[str, list[datetime]] = defaultdict(list)
    for record in replay.accepted:
        closed[record.header.device].append(record.header.closed.astimezone(UTC))
    until = datetime.fromtimestamp(found.signed.signed_at, UTC)
    said = None if catalog is None else _said(catalog)
    result = {}
    for device, times in closed.items():
        end = None if _has_ended(replay, device) else until
        if said is None or said[device] is None:
            result[device] = by_batches(times, end)
        else:
            result[device] = by_statements(said[device] or [], times, end)
    return result


def _has_ended(replay: Replay, device: str) -> bool:
    """Whether nothing more is to be expected: revoked, or its last batch said that it is final."""
    last = [r.header for r in replay.accepted if r.header.device == device][-1]
    return replay.custody.devices[device].revoked or last.state == "final"


def _said(catalog: Catalog) -> defaultdict[str, list[Mapping[str, Any]] | None]:
    """Return each device's observations in the order of the log; None where a batch is missing."""
    said: defaultdict[str, list[Mapping[str, Any]] | None] = defaultdict(list)
    for record in catalog.headers():
        device = record.header.device
        rows = said[device]
        if rows is None:
            continue
        try:
            rows += [
                line.payload
                for line in catalog.batch_items(record)
                if line.kind == "observation" and line.payload is not None
            ]
        except DoubtError:  # what is missing is a doubt of its own
            said[device] = None
    return said
