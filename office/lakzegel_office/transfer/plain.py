# SPDX-License-Identifier: EUPL-1.2
"""Mails and nothing else: one `.eml` each, or one mbox a custody. docs/spec/transfer.md §7.

An mbox is mboxrd: `From ` at the begin of a line, behind any `>`, gets one `>` more, so that it can
be undone exactly. A mail that does not end with a line's end gets one; its size in the inventory
tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lakzegel_office.errors import DoubtError, GoneError, UsageError
from lakzegel_office.transfer.delivery import Delivery
from lakzegel_office.transfer.mailfiles import boxed
from lakzegel_office.transfer.model import Content, Dossier, Record, Role


def put_mbox(delivery: Delivery, dossiers: Iterator[Dossier]) -> None:
    """Write one mbox a custody; a mail that does not open is in none."""
    found: defaultdict[str, list[tuple[Record, Content]]] = defaultdict(list)
    for dossier in dossiers:
        for record in dossier.records:
            found[dossier.custody].append((record, record.contents[-1]))
    for custody, mails in sorted(found.items()):
        mails.sort(key=lambda pair: (pair[0].first is None, pair[0].first, pair[0].id))
        name = delivery.names.take(custody, "mbox", ".mbox")
        made = delivery.out.write(
            name, _all(delivery, mails), title=custody, role=Role.DERIVED, how="mboxrd"
        )
        for record, _ in mails:
            if delivery.inventory.rows[record.id].outcome == "exported":
                delivery.inventory.rows[record.id].files = [made.path]


def _all(delivery: Delivery, mails: list[tuple[Record, Content]]) -> Iterator[bytes]:
    for record, content in mails:
        try:
            for _ in content.pieces():  # opened once before, so that no half a mail is in an mbox
                pass
        except (DoubtError, GoneError, UsageError) as error:
            delivery.inventory.fail(record.units, str(error))
            continue
        yield from boxed(content.pieces(), record.first or record.captured)
