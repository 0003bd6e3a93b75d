# SPDX-License-Identifier: EUPL-1.2
"""`verify`: offline; a line a device of what is proven; exit 1 on any doubt."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lakzegel_core.encoding import format_time
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.timetoken import fingerprint
from lakzegel_office.beside import check_beside, check_newest, check_unlocked, torn
from lakzegel_office.commands.common import Commands, Office, answer, command, say, unlock
from lakzegel_office.commands.evidence import catalog_from, identities
from lakzegel_office.config import read_config
from lakzegel_office.coverage import Coverage
from lakzegel_office.coveragefound import coverage_of
from lakzegel_office.destroying.checking import Certificate, check_disposals
from lakzegel_office.destroying.unsealing import SealedCheck
from lakzegel_office.doubts import Doubt
from lakzegel_office.former import check_former
from lakzegel_office.home import Home
from lakzegel_office.keys.standing import standing
from lakzegel_office.memory import PULLED
from lakzegel_office.mirror import Mirror
from lakzegel_office.proven import DeviceProof, Outside, proven_devices
from lakzegel_office.reopening import reopen
from lakzegel_office.timestamps import Times
from lakzegel_office.verification import Progress, Verification, Verifier


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(commands, "verify", run, "prove the mirror complete and unaltered, offline")
    text = "open every item too, and read what devices say of their coverage (passphrase)"
    parser.add_argument("--open", action="store_true", help=text)
    parser.add_argument(
        "--except-findings", action="store_true", help="what a finding in the log names is no doubt"
    )
    text = "the home of the log that this one continues; verified too, and that they join"
    parser.add_argument("--former", type=Path, metavar="DIR", help=text)
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> int:
    """Print what is proven and return 0, or 1 where something does not fit."""
    home = Home.open(arguments.home)
    office = unlock(arguments) if arguments.open else None
    progress = _silent if arguments.quiet or arguments.json else say
    with home.steady():
        found = _verify(home, progress)
        certificates = _disposals(home, found)
        found.doubts += check_beside(home, read_config(home.config), found)
        if any(not doubt.excepted for doubt in found.doubts):
            (home.state / PULLED).unlink(missing_ok=True)  # the next pull looks for everything
    opened = _reopen(office, found) if office is not None else None
    if office is not None and found.replay is not None:
        found.doubts += SealedCheck(office, found.replay, certificates).run()
    if arguments.former is not None:
        found.doubts += check_former(found, _verify(Home.open(arguments.former), progress))
    counted = [d for d in found.doubts if not (d.excepted and arguments.except_findings)]
    devices = list(proven_devices(found))
    covered = _coverage(office, found)
    shared, cut = list(_shared(home, found)), list(torn(home))
    if arguments.json:
        told = _as_json(found, devices, covered, ok=not counted, opened=opened)
        answer({**told, "one_persons": shared, "torn": cut})
    else:
        for line in (*shared, *cut):
            print(f"note: {line}")
        for line in _as_text(found, devices, covered, counted, opened):
            print(line)
    return 1 if counted else 0


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


def _as_text(
    found: Verification,
    devices: list[DeviceProof],
    covered: dict[str, Coverage],
    counted: list[Doubt],
    opened: int | None,
) -> Iterator[str]:
    for device in devices:
        yield str(device)
        if device.device in covered:
            yield from (f"{device.device}: {line}" for line in covered[device.device].lines())
    for doubt in found.doubts:
        yield str(doubt)
    if found.signed is not None:
        size = found.signed.checkpoint.size
        yield f"log: {size} entries, signed with Ed25519 and ML-DSA-44, every tile recomputed"
    said = found.replay.custody.succession if found.replay is not None else None
    if said is not None:
        yield f"log: continues {said.former.origin} after its {said.former.size} entries"
    if found.times.newest is not None:
        yield _time(found.times)
    if opened is not None:
        yield f"opened: {opened} items"
    yield f"NOT VERIFIED: {len(counted)} doubts" if counted else "VERIFIED"


def _as_json(
    found: Verification,
    devices: list[DeviceProof],
    covered: dict[str, Coverage],
    *,
    ok: bool,
    opened: int | None,
) -> dict[str, object]:
    signed = found.signed
    return {
        "verified": ok,
        "size": signed.checkpoint.size if signed is not None else None,
        "continues": _continues(found),
        "timestamps": _times(found.times),
        "devices": [
            {
                "device": device.device,
                "custody": device.custody,
                "epochs": [
                    {
                        "epoch": epoch.epoch,
                        "reason": epoch.reason.value,
                        "keys_replaced": epoch.follows,
                        "batches": epoch.batches,
                        "items": epoch.items,
                        "head": epoch.head,
                        "last_closed": format_time(epoch.closed) if epoch.closed else None,
                    }
                    for epoch in device.epochs
                ],
                "not_proven": device.gaps,
                "coverage": covered[device.device].to_json() if device.device in covered else None,
                "findings": device.findings,
                "clock_back": device.clock_back,
                "revoked": device.revoked,
                "witnesses": list(device.outside.witnesses),
                "stamped": _stamped(device.outside),
                "disposals": [_disposal(one.index, one.change) for one in device.disposals.changes],
                "destroyed": device.disposals.destroyed,
            }
            for device in devices
        ],
        "doubts": [doubt.to_json() for doubt in found.doubts],
        "opened": opened,
    }


def _stamped(outside: Outside) -> dict[str, object] | None:
    if outside.time is None:
        return None
    return {"batches": outside.stamped, "time": format_time(outside.time)}


def _disposal(index: int, change: KeyringChange) -> dict[str, object]:
    return {
        "entry": index,
        "at": format_time(change.at),
        "batch": f"{change.device}/{change.epoch}/{change.batch}",
        "generation": change.generation,
        "reason": change.reason,
        "items": list(change.destroyed),
        "certificate": change.certificate.hex() if change.certificate is not None else None,
    }


def _time(times: Times) -> str:
    size, token = times.newest or (0, None)
    if token is None:
        return "time: no token"
    at, root = format_time(datetime.fromtimestamp(token.at, UTC)), fingerprint(token.root)
    return f"time: {times.tokens} tokens; the first {size} entries existed at {at}, by root {root}"


def _times(times: Times) -> dict[str, object] | None:
    if times.newest is None:
        return None
    size, token = times.newest
    return {
        "tokens": times.tokens,
        "size": size,
        "time": format_time(datetime.fromtimestamp(token.at, UTC)),
        "root": fingerprint(token.root),
    }


def _continues(found: Verification) -> dict[str, object] | None:
    said = found.replay.custody.succession if found.replay is not None else None
    if said is None:
        return None
    return {"origin": said.former.origin, "size": said.former.size, "reason": said.reason}


def _silent(text: str) -> None:
    del text
