# SPDX-License-Identifier: EUPL-1.2
"""Puts the file of a segment where it belongs, also where another receiver may have been first."""

from __future__ import annotations

import secrets
from typing import Final

from lakzegel_core.errors import FormatError
from lakzegel_server.errors import ClashError, DamageError
from lakzegel_server.layout import Layout
from lakzegel_server.people.segmentfile import MAX_SEGMENT, SALT, SegmentFile, parse_segment
from lakzegel_server.stores import names

FORGOTTEN_SECONDS: Final = 3600.0  # after which a file whose receiver never named it may go
Lines = tuple[bytes, ...]


def put_segment(layout: Layout, number: int, lines: Lines, *, now: float) -> tuple[Lines, bytes]:
    """The records of the segment and its file, which is durable.

    Where others share the index, one may have put it and ended before it said so: then that one is
    it, for two receivers must never put two under one name.

    Raises:
        DamageError: what lies there is of other records.
    """
    objects, place = layout.stores.objects, names.segment(number)
    data = SegmentFile(number, secrets.token_bytes(SALT), lines).to_bytes()
    if not layout.shared:
        objects.supersede(place, data)
        return lines, data
    try:
        objects.put(place, data)
    except ClashError:
        return _lying(layout, place, lines, data, now=now)
    return lines, data


def _lying(
    layout: Layout, place: str, lines: Lines, data: bytes, *, now: float
) -> tuple[Lines, bytes]:
    """The segment that lies there, when it is the beginning of what waits."""
    objects = layout.stores.objects
    there = objects.read(place, MAX_SEGMENT)
    try:
        found = parse_segment(there).lines
    except FormatError:
        found = ()
    if found and found == lines[: len(found)]:
        return found, there
    put_at = objects.changed(place)
    if put_at is None or now - put_at < FORGOTTEN_SECONDS:
        raise DamageError(f"{place}: is of records that the index does not have")
    objects.supersede(place, data)  # of an index that went back; nobody is about to name it
    return lines, data
