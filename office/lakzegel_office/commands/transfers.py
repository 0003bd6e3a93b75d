# SPDX-License-Identifier: EUPL-1.2
"""What is registered of transfers: receipts, redacted copies, declarations.

export register-receipt NAME FILE     what the e-depot answered
export register-redacted UNIT FILE    a redacted copy that was made elsewhere
export declare NAME OUT               OUT.pdf and OUT.xml, the verklaring van overbrenging
export registers                      what is registered
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import b64, format_time
from lakzegel_office import durable
from lakzegel_office.collection.opening import open_collection
from lakzegel_office.commands.common import Office, answer_line, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.destroying.selection import NAME as SELECTION
from lakzegel_office.errors import UsageError
from lakzegel_office.journal import Journal
from lakzegel_office.transfer.declaring import Declaration, as_pdf, as_xml
from lakzegel_office.transfer.evidence import Evidence
from lakzegel_office.transfer.registers import NAME, Registers
from lakzegel_office.transfer.settings import read_settings

Act = Callable[[argparse.Namespace, Sequence[str]], int]


def registers_of(office: Office) -> Registers:
    """Return the registers of an unlocked office."""
    return Registers(Journal(office.home.records / NAME, office.journal_key))


def register_receipt(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Keep what an e-depot answered."""
    name, file = words
    office = unlock(arguments)
    now = datetime.now(UTC)
    entry = registers_of(office).receipt(name, Path(file), now)
    _record(office, "register-receipt", {"export": name, "sha256": entry.says["sha256"]}, arguments)
    print(f"receipt of {name} kept: line {entry.number}, SHA-256 {entry.says['sha256']}")
    return 0


def register_redacted(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Tie a redacted copy to the seals of its original."""
    unit, file = words
    office = unlock(arguments)
    now = datetime.now(UTC)
    collection, _ = open_collection(office)
    with collection:
        items = sorted({part.place.item for part in collection.reading(unit)})
    if not items:
        raise UsageError(f"{unit}: nothing of it is left that a copy could be tied to")
    evidence = Evidence.of(office, now)
    seals = [
        {"item": str(item), "entry": evidence.record(item).index, "commitment": commitment}
        for item, commitment in evidence.commitments(items)
    ]
    entry = registers_of(office).redacted(unit, seals, Path(file), now)
    _record(office, "register-redacted", {"unit": unit, "sha256": entry.says["sha256"]}, arguments)
    print(f"{entry.says['sha256']} is a redacted copy of {unit}, sealed as:")
    for seal in seals:
        print(f"  {seal['item']}\tlog entry {seal['entry']}\t{seal['commitment']}")
    return 0


def declare(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Write the declaration of one export."""
    name, target = words
    office = unlock(arguments)
    registers = registers_of(office)
    export = registers.export(name)
    now = datetime.now(UTC).replace(microsecond=0)
    made = Declaration(
        export,
        tuple(registers.of(export)),
        read_settings(
            arguments.settings,
            office.config.org,
            arguments.selection or office.home.root / SELECTION,
        ),
        office.config.org,
        office.config.origin,
        arguments.receiver,
        b64(registers.journal.head().digest),
        now,
    )
    files = {Path(f"{target}.xml"): as_xml(made), Path(f"{target}.pdf"): as_pdf(made)}
    for path in files:
        if path.exists():
            raise UsageError(f"{path}: exists; give another name")
    digests = {path.suffix[1:]: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    registers.declared(name, digests, now)
    _record(office, "declare-transfer", {"export": name, **digests}, arguments)
    for path, data in files.items():
        durable.write_new(path, data)
        print(path)
    return 0


def show(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    """Print the register, oldest first."""
    del words
    for entry in registers_of(unlock(arguments)).journal.read():
        says = {name: value for name, value in entry.says.items() if name != "data"}
        row = {"number": entry.number, "at": format_time(entry.at), **says}
        if arguments.json:
            answer_line(row)
        else:
            what = says.get("name") or says.get("unit")
            print(f"{row['at']}\t{says['type']}\t{what}\t{says.get('sha256', '')}")
    return 0


ACTS: Final[Mapping[str, tuple[Act, int]]] = {
    "register-receipt": (register_receipt, 2),
    "register-redacted": (register_redacted, 2),
    "declare": (declare, 2),
    "registers": (show, 0),
}


def _record(
    office: Office, action: str, what: Mapping[str, str], arguments: argparse.Namespace
) -> None:
    reason = arguments.reason or arguments.request
    trail_of(office).record(action, what, reason=reason, now=datetime.now(UTC))
