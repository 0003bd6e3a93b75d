# SPDX-License-Identifier: EUPL-1.2
"""`term inzage`: what was taken of one person, for that person (docs/spec/terms.md §6)."""

import argparse
import shutil
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_office import durable
from lakzegel_office.audit import why
from lakzegel_office.collection.opening import custody_of, open_collection
from lakzegel_office.commands.common import Commands, command, unlock
from lakzegel_office.commands.evidence import catalog_from, trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.terms.facts import mirrored
from lakzegel_office.terms.inzage import files_of, readouts_of, rows_of
from lakzegel_office.terms.model import name_of
from lakzegel_office.terms.register import terms_of


def add(own: Commands) -> None:
    """Add the command."""
    parser = command(own, "inzage", run, "write what was taken of a person, for that person")
    parser.add_argument("--person", required=True, metavar="NAME")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="recorded")
    parser.add_argument("--content", action="store_true", help="with the texts, where he asks")
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder")


def run(arguments: argparse.Namespace) -> int:
    """Write the folder; the act is in the audit trail before."""
    out: Path = arguments.out
    if out.exists():
        raise UsageError(f"{out}: exists; give a new folder")
    office = unlock(arguments)
    person, reason = name_of(arguments.person), why(arguments.reason)
    terms = terms_of(office).custodies_of(person)
    if not terms:
        raise UsageError(f"--person {person}: has no term here; see: term list")
    now = datetime.now(UTC).replace(microsecond=0)
    what = {"custodies": ",".join(term.custody for term in terms)}
    trail_of(office).record("inzage", what, now=now, reason=reason)
    collection = open_collection(office)[0]
    try:
        replay = mirrored(office)
        rows = rows_of(collection, terms, custody_of(replay), content=arguments.content)
        readouts = readouts_of(catalog_from(office, replay), replay, terms)
    finally:
        collection.close()
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    for name, data in files_of(person, terms, rows, readouts, now).items():
        durable.write_new(part / name, data)
    part.rename(out)
    durable.sync_folders([out])
    print(f"{out}: {len(rows)} messages, mails and files of {len(terms)} custodies")
    return 0
