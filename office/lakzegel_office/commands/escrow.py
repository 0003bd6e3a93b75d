# SPDX-License-Identifier: EUPL-1.2
"""`keys escrow split|recover|sample`: the escrow in shares, and proof that they work.

docs/spec/office-keys.md §6.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom

from lakzegel_core.age import Identity
from lakzegel_core.encoding import format_time
from lakzegel_office import settings
from lakzegel_office.audit import DONE, FAILED, why
from lakzegel_office.commands.common import Commands, Office, as_now, command, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.keys import escrow, events
from lakzegel_office.keys.periods import ESCROW, Period
from lakzegel_office.keys.shares import ITERATIONS, Group
from lakzegel_office.keys.sheets import read_sheet
from lakzegel_office.mirror import Mirror
from lakzegel_office.replaying import replay_home


def add(parts: Commands) -> None:
    """Add the part to `keys`."""
    text = "the escrow key in shares, and proof that they work"
    top = parts.add_parser("escrow", help=text, description=text)
    acts = top.add_subparsers(dest="act", required=True, metavar="ACT")
    parser = command(acts, "split", split, "write the escrow as shares; it leaves the vault")
    parser.add_argument("--period", metavar="NAME", help="default: the one that is open")
    parser.add_argument("--threshold", type=int, default=3, metavar="T", help="needed (default 3)")
    parser.add_argument("--shares", type=int, default=5, metavar="N", help="made (default 5)")
    parser.add_argument(
        "--group",
        action="append",
        default=[],
        metavar="T/N",
        help="a group of shares, once for each, instead of --threshold and --shares",
    )
    parser.add_argument("--group-threshold", type=int, default=1, metavar="G", help="groups needed")
    parser.add_argument(
        "--iterations", type=int, default=ITERATIONS, metavar="E", help="SLIP-0039's exponent"
    )
    _passphrase_of_shares(parser)
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="a folder for the sheets")
    parser = command(acts, "recover", recover, "rehearse a recovery, or carry it out")
    _shares(parser, required=True)
    parser.add_argument("--restore", action="store_true", help="put the key back into the vault")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for --restore")
    parser = command(acts, "sample", sample, "the quarterly sample of keyrings that it must open")
    _shares(parser, required=False)


def split(arguments: argparse.Namespace) -> int:
    """Write the sheets, prove them, and take the private half out of the vault."""
    office = unlock(arguments)
    groups = tuple(Group.parse(text) for text in arguments.group)
    plan = escrow.Plan(
        groups or (Group(arguments.threshold, arguments.shares),),
        arguments.group_threshold,
        _shares_passphrase(arguments),
        arguments.iterations,
    )
    now = _now()
    with office.home.changing_keys():
        office = as_now(office)
        periods = office.config.periods
        period = periods.get(arguments.period) if arguments.period else periods.default
        made = escrow.write_shares(office, period, plan, arguments.out, now=now)
        about = {"period": period.name, "set": f"{made[0].set_id:05d}", "shares": str(len(made))}
        trail_of(office).record(events.SPLIT, about, now=now)
        _events(office).record(events.SPLIT, about, by=office.actor.name, now=now)
        office.vault.destroy(period.secret(ESCROW))
    print(f"{arguments.out}: {len(made)} sheets of set {made[0].set_id:05d}, read back and proven")
    print("the key left the vault: print each sheet, hand it out, destroy the files")
    print("backups of the keys folder from before hold it still")
    print("now rehearse: keys escrow recover, with the sheets of those who hold them")
    return 0


def recover(arguments: argparse.Namespace) -> int:
    """Prove that the shares give a key that opens; with --restore keep it."""
    reason = why(arguments.reason) if arguments.restore else arguments.reason
    office = unlock(arguments)
    identity = _from_shares(arguments)
    period = escrow.period_of(office, identity)
    code = _rehearse(office, period, identity, arguments.sample, reason)
    if arguments.restore:
        _restore(office, identity, reason)
    return code


def sample(arguments: argparse.Namespace) -> int:
    """Do the quarterly duty: with the shares, or with the key while it is in the vault."""
    office = unlock(arguments)
    if arguments.share:
        identity = _from_shares(arguments)
        return _rehearse(office, escrow.period_of(office, identity), identity, arguments.sample, "")
    periods = [p for p in office.config.periods.all if office.vault.has(p.secret(ESCROW))]
    if not periods:
        raise UsageError("the escrow is in shares: give --share F for each of a threshold of them")
    codes = [
        _rehearse(office, p, office.vault.identity(p.secret(ESCROW)), arguments.sample, "")
        for p in periods
    ]
    return max(codes)


def _rehearse(office: Office, period: Period, identity: Identity, size: int, reason: str) -> int:
    """Open a sample, have it on record, and print it; 1 where something did not open."""
    mirror = Mirror(office.home.mirror)
    if not mirror.checkpoint.exists():
        raise UsageError(f"{office.home.root}: no mirror yet; run: lakzegel-office pull")
    replay = replay_home(office)
    found = escrow.rehearse(office, replay, period, identity, size, SystemRandom())
    result = FAILED if found.failed else DONE
    about = {"period": period.name, "opened": str(found.tried - len(found.failed))}
    now = _now()
    trail_of(office).record(events.SAMPLE, about, reason=reason, result=result, now=now)
    rows = {**about, "tried": str(found.tried), "result": result}
    _events(office).record(events.SAMPLE, rows, by=office.actor.name, now=now)
    for name in found.failed:
        print(f"{name}: its original keyring is NOT opened by the escrow of period {period.name}")
    if not found.tried:
        print("no keyring of this period is in the mirror; that it is the right key is proven")
    opened = found.tried - len(found.failed)
    print(f"period {period.name}: the escrow opened {opened} of {found.tried} keyrings drawn")
    if not found.failed:
        print(f"next sample due {format_time(now + events.QUARTER)[:10]}")
    return 1 if found.failed else 0


def _restore(office: Office, identity: Identity, reason: str) -> None:
    with office.home.changing_keys():
        office = as_now(office)
        period = escrow.period_of(office, identity)  # as it is now
        trail_of(office).record(
            "escrow-restore", {"period": period.name}, reason=reason, now=_now()
        )
        office.vault.store(period.secret(ESCROW), identity.to_text().encode())
    print(f"{period.secret(ESCROW)}: is in the vault again; split it anew when this is over")


def _from_shares(arguments: argparse.Namespace) -> Identity:
    shares = [read_sheet(path) for path in arguments.share]
    return escrow.recovered(shares, _shares_passphrase(arguments))


def _shares(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--share",
        type=Path,
        action="append",
        default=[],
        required=required,
        metavar="F",
        help="a sheet, or a file with its 33 words; once for each",
    )
    parser.add_argument(
        "--sample", type=_number, default=escrow.SAMPLE, metavar="N", help="keyrings to open"
    )
    _passphrase_of_shares(parser)


def _passphrase_of_shares(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shares-passphrase-file",
        type=Path,
        metavar="F",
        help="a passphrase that the shares need too (default: none)",
    )


def _shares_passphrase(arguments: argparse.Namespace) -> str:
    path = arguments.shares_passphrase_file
    return settings.secret_line(path, what="shares' passphrase file") if path is not None else ""


def _number(text: str) -> int:
    """Return a number of keyrings: a sample of none would count as one."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text}: 1 or more")
    return int(text)


def _events(office: Office) -> events.Events:
    return events.Events(office.home, office.journal_key)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
