# SPDX-License-Identifier: EUPL-1.2
"""What proposes a class and never decides: claims of a device, and agreed contacts.

docs/spec/review.md §4. A table in memory beside the worklist's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lakzegel_office.catalog import Catalog
from lakzegel_office.collection.database import Connection
from lakzegel_office.errors import OfficeError
from lakzegel_office.names import ItemId
from lakzegel_office.review.standing import Class
from lakzegel_office.review.window import Settings

MIXED: Final = "mixed"
CLAIM: Final = "claim"
CONTACT: Final = "contact"
_TABLES: Final = (
    "DROP TABLE IF EXISTS temp.proposal",
    "DROP TABLE IF EXISTS temp.agreed",
    "DROP TABLE IF EXISTS temp.mine",
    """CREATE TEMP TABLE proposal (unit INTEGER PRIMARY KEY, class TEXT NOT NULL,
        origin TEXT NOT NULL)""",
    "CREATE TEMP TABLE agreed (party INTEGER PRIMARY KEY, class TEXT NOT NULL)",
    "CREATE TEMP TABLE mine (party INTEGER PRIMARY KEY)",
)
_OF_FILE: Final = """
    INSERT OR REPLACE INTO temp.proposal
    SELECT p.unit, ?, ? FROM file f JOIN segment s ON s.file = f.id JOIN place p ON p.segment = s.id
        WHERE f.device = ? AND f.source = ? AND f.history = ?
    UNION SELECT v.unit, ?, ? FROM file f JOIN capture k ON k.file = f.id
        JOIN version v ON v.capture = k.id WHERE f.device = ? AND f.source = ? AND f.history = ?
"""
# Who takes part in a unit: of a mail those it names, of a chat's message its sender and members.
_BY_CONTACT: Final = """
    INSERT OR IGNORE INTO temp.proposal
    SELECT unit, CASE WHEN min(coalesce(class, '')) = max(coalesce(class, '')) THEN max(class)
        ELSE ? END, ?
    FROM (
        SELECT u.id AS unit, a.class AS class FROM unit u
            JOIN present p ON p.unit IN (u.id, -u.conversation)
            LEFT JOIN temp.agreed a ON a.party = p.party
            WHERE u.gone = 0 AND p.role <> 'owner'
                AND p.party NOT IN (SELECT party FROM temp.mine)
                AND u.id IN (
                    SELECT q.unit FROM temp.agreed g JOIN present q ON q.party = g.party
                        WHERE q.unit > 0
                    UNION SELECT w.id FROM temp.agreed g JOIN present q ON q.party = g.party
                        JOIN unit w ON w.conversation = -q.unit WHERE q.unit < 0)
    ) GROUP BY unit HAVING count(class) > 0
"""


class Proposals:
    """What is proposed of each unit."""

    def __init__(self, db: Connection, settings: Settings, catalog: Callable[[], Catalog]) -> None:
        """Look for claims and contacts once."""
        self.db = db
        for statement in _TABLES:
            db.execute(statement)
        for class_, device, source, history in _claims(db, catalog):
            of = (device, source, history)
            db.execute(_OF_FILE, (class_, CLAIM, *of, class_, CLAIM, *of))
        if settings.contacts:
            self._add_contacts(settings)

    def of(self, unit: str) -> tuple[str, str] | None:
        """Return the class that is proposed of a unit (or MIXED), and what proposes it."""
        row = self.db.execute(
            "SELECT p.class, p.origin FROM temp.proposal p JOIN unit u ON u.id = p.unit"
            " WHERE u.name = ?",
            (unit,),
        ).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def _add_contacts(self, settings: Settings) -> None:
        for contact in settings.contacts:
            self.db.execute(
                f"INSERT OR IGNORE INTO temp.agreed SELECT id, ? FROM party WHERE {_is(contact.address)}",  # noqa: S608, E501  # ours
                (str(contact.class_), contact.address),
            )
        for address in settings.own:
            self.db.execute(
                f"INSERT OR IGNORE INTO temp.mine SELECT id FROM party WHERE {_is(address)}",  # noqa: S608  # ours
                (address,),
            )
        self.db.execute(_BY_CONTACT, (MIXED, CONTACT))


def _is(address: str) -> str:
    if address.startswith("@"):
        return "substr(address, 1, 7) = 'mailto:' AND substr(address, instr(address, '@')) = ?"
    return "address = ?"


def _claims(db: Connection, catalog: Callable[[], Catalog]) -> Iterator[tuple[str, str, str, str]]:
    """Yield class, device, source and file of each claim, the oldest first."""
    batches = db.execute(
        "SELECT DISTINCT b.device, b.epoch, b.number FROM named n JOIN batch b ON b.seq = n.batch"
        " ORDER BY b.seq"
    ).fetchall()
    if not batches:
        return
    found = catalog()
    for device, epoch, number in batches:
        try:
            lines = list(found.batch_items(found.find(ItemId(device, epoch, number, 0))))
        except OfficeError:
            continue  # `verify` tells of it
        for line in lines:
            said = line.payload or {}
            if line.kind != "observation" or said.get("type") != CLAIM:
                continue
            class_ = str(said.get("class"))
            if class_ in {Class.PRIVATE, Class.PARTY}:
                for file in _files(said.get("files")):
                    yield class_, device, line.source, file


def _files(rows: object) -> Iterator[str]:
    """Yield the histories that a claim names; what a device says is not always a claim."""
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("file"), str):
            yield str(row["file"])
