# SPDX-License-Identifier: EUPL-1.2
"""`term close` and `term verify`: a custody ends with a certificate that both sides keep."""

import argparse
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import VerifierKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Commands, Office, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.config import read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys.approving import approval_key
from lakzegel_office.terms import certificate
from lakzegel_office.terms.checking import Checked, check_alone, check_in_log
from lakzegel_office.terms.closing import NEVER, Hindrance, hindrances
from lakzegel_office.terms.facts import Facts, facts_of
from lakzegel_office.terms.model import Term, moment
from lakzegel_office.terms.register import Accepted, Closing, Signed, Terms, terms_of
from lakzegel_office.terms.signing import sign_term

_CLOSE: Final = """\
Verifies the mirror, looks whether every device of the custody sealed its last batch, and whether
what it says fits what is here. What hinders the closing is printed, a line each.

exit: 0 closed, or closed before: the same files again; 1 something hinders it; 2 usage

example: term close --home DIR --custody 2026-bzk --until 2027-03-01 certificate-2026-bzk
"""


def add(own: Commands) -> None:
    """Add both commands."""
    close = command(own, "close", run_close, "end a custody for good, with a certificate")
    close.epilog, close.formatter_class = _CLOSE, argparse.RawDescriptionHelpFormatter
    close.add_argument("--custody", required=True, metavar="C")
    close.add_argument("--until", type=moment, required=True, metavar="DATE")
    close.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="CODE=REASON",
        help="close all the same; it is in the certificate",
    )
    close.add_argument("--quiet", action="store_true", help="no progress")
    close.add_argument("out", type=Path, metavar="OUT", help="a new folder")
    verify = own.add_parser("verify", help="hold a certificate against the log, offline")
    verify.add_argument("folder", type=Path, metavar="FOLDER")
    against = verify.add_mutually_exclusive_group(required=True)
    against.add_argument("--home", type=Path, metavar="DIR", help="an office, for its mirror")
    text = "without an office: the approval key that is to have signed"
    against.add_argument("--approval-key", metavar="VKEY", help=text)
    verify.set_defaults(run=run_verify)


def run_close(arguments: argparse.Namespace) -> int:
    """Close, or say what hinders it."""
    if arguments.out.exists():
        raise UsageError(f"{arguments.out}: exists; give a new folder")
    office = unlock(arguments)
    terms = terms_of(office)
    known = terms.require(arguments.custody)
    if known.closing is not None:
        _write(arguments.out, known, known.closing)
        return _told(arguments.out, known)
    try:
        term = known.term.ended(arguments.until)
    except FormatError as error:
        raise UsageError(f"--until: {error}") from None
    now = datetime.now(UTC).replace(microsecond=0)
    facts = facts_of(office, term.custody, _silent if arguments.quiet else say)
    found = list(hindrances(facts, arguments.until, now))
    accepted = _accepted(arguments.accept, found)
    left = [one for one in found if one.code not in {a.code for a in accepted}]
    for one in left:
        print(one)
    if left:
        return 1
    signed = _close(office, terms, term, facts, accepted, now)
    if signed.closing is not None:
        _write(arguments.out, signed, signed.closing)
    return _told(arguments.out, signed)


def run_verify(arguments: argparse.Namespace) -> int:
    """Print what a certificate proves, and return 1 where something does not fit."""
    if arguments.approval_key is not None:
        found = check_alone(arguments.folder, VerifierKey.from_text(arguments.approval_key))
    else:
        home = Home.open(arguments.home)
        found = check_in_log(arguments.folder, home, read_config(home.config))
    for line in found.lines:
        print(line)
    return _verdict(found)


def _verdict(found: Checked) -> int:
    for doubt in found.doubts:
        print(doubt)
    print(f"NOT VERIFIED: {len(found.doubts)} doubts" if found.doubts else "VERIFIED")
    return 1 if found.doubts else 0


def _close(
    office: Office,
    terms: Terms,
    term: Term,
    facts: Facts,
    accepted: tuple[Accepted, ...],
    now: datetime,
) -> Signed:
    """Return the closed state; once its line is written, it is the one certificate."""
    key = approval_key(office, facts.replay.custody.require_delegation().approval)
    reason = "; ".join(f"{one.code}: {one.reason}" for one in accepted)[:2000]
    trail_of(office).record("term-close", {"custody": term.custody}, now=now, reason=reason)
    said = certificate.content(office, facts, term, accepted, now, os.urandom)
    made = certificate.issue(said, term.custody, now, key)
    closing = Closing(made.note, made.json, accepted)
    return sign_term(office, terms, term, key=key, now=now, random=os.urandom, closing=closing)


def _accepted(given: list[str], found: list[Hindrance]) -> tuple[Accepted, ...]:
    """Return the exceptions; each is of something that is so, and has a reason."""
    codes = {one.code for one in found}
    result = []
    for text in given:
        code, _, reason = text.partition("=")
        if not reason.strip() or not reason.isprintable():
            raise UsageError(f"--accept {code}: give CODE=REASON; it is in the certificate")
        if code in NEVER:
            raise UsageError(f"--accept {code}: cannot be accepted")
        if code not in codes:
            raise UsageError(f"--accept {code}: nothing of that kind hinders the closing")
        result.append(Accepted(code, reason.strip()))
    return tuple(result)


def _write(out: Path, signed: Signed, closing: Closing) -> None:
    """Write the folder, whole or not at all."""
    made = certificate.again(closing.said, closing.note)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    for name, data in (
        (certificate.JSON, made.json),
        (certificate.XML, made.xml),
        (certificate.PDF, made.pdf),
        (certificate.NOTE, made.note),
        (certificate.TERM_NOTE, signed.note),
    ):
        durable.write_new(part / name, data)
    part.rename(out)
    durable.sync_folders([out])


def _told(out: Path, signed: Signed) -> int:
    term = signed.term
    ends = "" if term.period.ends is None else format_time(term.period.ends)
    print(f"{out}: custody {term.custody} is closed as of {ends}; give a copy to its person")
    print(f"{out / certificate.TERM_NOTE}: have the receiver publish it")
    return 0


def _silent(text: str) -> None:
    del text
