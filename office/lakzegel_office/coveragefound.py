# SPDX-License-Identifier: EUPL-1.2
"""The coverage of each device in a mirror, from its headers or from what it stated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lakzegel_office.catalog import Catalog
from lakzegel_office.coverage import PATIENCE, Coverage, bounded, by_batches, by_statements
from lakzegel_office.errors import DoubtError
from lakzegel_office.replay import Replay
from lakzegel_office.verification import Verification


def coverage_of(found: Verification, catalog: Catalog | None) -> dict[str, Coverage]:
    """Return by device what is covered; without a catalog from the times of batches alone."""
    replay = found.replay
    if replay is None or found.signed is None:
        return {}
    latest = _latest(found)
    closed: defaultdict[str, list[datetime]] = defaultdict(list)
    for record in replay.accepted:
        at = record.header.closed.astimezone(UTC)
        closed[record.header.device].append(min(at, latest[record.index]))
    until = datetime.fromtimestamp(found.signed.signed_at, UTC)
    said = None if catalog is None else _said(catalog, latest)
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
    state = replay.custody.devices[device]
    return state.revoked or state.final


def _latest(found: Verification) -> dict[int, datetime]:
    """Return by its place in the log up to when a batch can tell of anything: until it was sealed.

    What a clock that was ahead attested would else cover the time to come. A clock that is some
    hours ahead all the time takes no harm: see PATIENCE.
    """
    assert found.replay is not None and found.signed is not None  # noqa: S101, PT018 - seen to
    times = {}
    for record in found.replay.accepted:
        signed = found.signed_after(record.index) or found.signed.signed_at
        times[record.index] = datetime.fromtimestamp(signed, UTC) + PATIENCE
    return times


def _said(
    catalog: Catalog, latest: Mapping[int, datetime]
) -> defaultdict[str, list[Mapping[str, Any]] | None]:
    """Return each device's observations in the order of the log; None where a batch is missing."""
    said: defaultdict[str, list[Mapping[str, Any]] | None] = defaultdict(list)
    for record in catalog.headers():
        device = record.header.device
        rows = said[device]
        if rows is None:
            continue
        try:
            rows += [
                bounded(line.payload, latest[record.index])
                for line in catalog.batch_items(record)
                if line.kind == "observation" and line.payload is not None
            ]
        except DoubtError:  # what is missing is a doubt of its own
            said[device] = None
    return said
