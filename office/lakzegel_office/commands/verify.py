# SPDX-License-Identifier: EUPL-1.2
"""`verify`: offline; a line a device of what is proven; exit 1 on any doubt."""

import argparse
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_office.beside import check_beside, check_newest, check_past, check_unlocked, torn
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import catalog_from, identities
from lakzegel_office.commands.verifysaid import as_json, as_text, verdict
from lakzegel_office.config import read_config
from lakzegel_office.coverage import Coverage
from lakzegel_office.coveragefound import coverage_of
from lakzegel_office.destroying.checking import Certificate, check_disposals
from lakzegel_office.destroying.unsealing import SealedCheck
from lakzegel_office.errors import UsageError
from lakzegel_office.former import check_former
from lakzegel_office.home import Home
from lakzegel_office.keys.standing import standing
from lakzegel_office.lastverify import LastVerify
from lakzegel_office.memory import PULLED
from lakzegel_office.mirror import Mirror
from lakzegel_office.proven import proven_devices
from lakzegel_office.reopening import reopen
from lakzegel_office.verification import Progress, Verification, Verifier


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "verify", run, "prove the mirror complete and unaltered, offline")
    text = "open every item too, and read what devices say of their coverage (passphrase)"
    parser.add_argument("--open", action="store_true", help=text)
    parser.add_argument(
        "--except-findings", action="store_true", help="what a finding in the log names is no doubt"
    )
    text = (
        "`last`: what came since the last verify that found nothing. It reads every new entry,"
        " batch, keyring, annex, token and cosignature, and each keyring that was changed; old"
        " files are not, so that rot on a disk is found by a whole verify or by --again. A doubt of"
        " before stays until a whole verify finds none"
    )
    parser.add_argument("--since", choices=["last"], help=text)
    text = "with --since last: read this share of the old ones too, such as 1%%, others each time"
    parser.add_argument("--again", type=_share, default=0.0, metavar="SHARE", help=text)
    text = "the home of the log that this one continues; verified too, and that they join"
    parser.add_argument("--former", type=Path, metavar="DIR", help=text)
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Print what is proven and return 0, or 1 where something does not fit."""
    _require_fitting(arguments)
    home = Home.open(arguments.home)
    office = unlock(arguments) if arguments.open else None
    progress = _silent if arguments.quiet or arguments.json else say
    last, found, certificates = _verified(home, arguments, progress)
    opened = _reopen(office, found) if office is not None else None
    if office is not None and found.replay is not None:
        found.doubts += SealedCheck(office, found.replay, certificates).run()
    if arguments.former is not None:
        found.doubts += check_former(found, _verify(Home.open(arguments.former), progress))
    devices = list(proven_devices(found))
    _remember(home, last, found)
    counted = [d for d in found.doubts if not (d.excepted and arguments.except_findings)]
    covered = {} if last.since is not None else _coverage(office, found)
    shared, cut = list(_shared(home, found)), list(torn(home))
    if arguments.json:
        told = as_json(found, devices, covered, ok=not counted, opened=opened)
        since = last.since.to_json() if last.since is not None else None
        answer({**told, "since": since, "one_persons": shared, "torn": cut})
    else:
        for line in (*shared, *cut):
            print(f"note: {line}")
        for line in as_text(found, devices, covered, opened, last.since):
            print(line)
        print(verdict(counted, last.since))
    return 1 if counted else 0


def _verified(
    home: Home, arguments: argparse.Namespace, progress: Progress
) -> tuple[LastVerify, Verification, list[Certificate]]:
    """Return what was found in the home, while nobody changes its mirror."""
    config = read_config(home.config)
    certificates: list[Certificate] = []
    with home.steady():
        last = LastVerify(home, config, progress)
        found = last.going_on(arguments.again) if arguments.since else last.whole()
        if last.since is None:
            certificates = _disposals(home, found)
            found.doubts += check_beside(home, config, found)
        else:
            found.doubts += check_past(home, config, found)
        if any(not doubt.excepted for doubt in found.doubts):
            with suppress(OSError):
                (home.state / PULLED).unlink(missing_ok=True)  # the next pull looks for everything
    if last.note is not None:
        say(f"lakzegel-office: {last.note}")
    return last, found, certificates


def _require_fitting(arguments: argparse.Namespace) -> None:
    """Return when what was asked for can be done at once.

    Raises:
        UsageError: it cannot.
    """
    if arguments.since and (arguments.open or arguments.former is not None):
        raise UsageError("--since last reads what is new; --open and --former read everything")
    if arguments.again and not arguments.since:
        raise UsageError("--again is for --since last; without that everything is read")


def _share(text: str) -> float:
    """Return what part of everything a percentage is."""
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1
    if not (text.endswith("%") and 0 <= share <= 1):
        raise argparse.ArgumentTypeError(f"{text}: a percentage, such as 1%")
    return share


def _remember(home: Home, last: LastVerify, found: Verification) -> None:
    """Leave what the next verify goes on from."""
    try:
        last.remember(found, datetime.now(UTC).replace(microsecond=0))
    except OSError as error:
        say(f"lakzegel-office: {home.state}: nothing is remembered: {error.strerror}")


def _verify(home: Home, progress: Progress) -> Verification:
    return Verifier(Mirror(home.mirror), read_config(home.config), progress).run()


def _disposals(home: Home, found: Verification) -> list[Certificate]:
    """Add what does not fit of the disposals; return the certificates that are here."""
    if found.replay is None:
        return []
    doubts, certificates = check_disposals(home, found.replay)
    found.doubts += doubts
    return certificates


def _shared(home: Home, found: Verification) -> Iterator[str]:
    """Yield what is one person's here that should be two persons'."""
    said = found.replay.custody.delegation if found.replay is not None else None
    in_force = said.delegation.approval if said is not None else None
    yield from standing(home, read_config(home.config), in_force)


def _reopen(office: Office, found: Verification) -> int:
    if found.replay is None:
        return 0
    texts = [identity.to_text() for identity in identities(office)]
    total, doubts = reopen(office.home, found.replay, texts)
    found.doubts += doubts
    found.doubts += check_unlocked(office)
    if all(doubt.excepted for doubt in found.doubts):
        found.doubts += check_newest(office.home, office.config, found.replay)
    return total


def _coverage(office: Office | None, found: Verification) -> dict[str, Coverage]:
    catalog = None
    if office is not None and found.replay is not None:
        catalog = catalog_from(office, found.replay)
    return coverage_of(found, catalog)


def _silent(text: str) -> None:
    del text
