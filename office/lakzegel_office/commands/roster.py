# SPDX-License-Identifier: EUPL-1.2
"""`roster list|again` and `withdraw`: who of a table came in, may come again, or may no more."""

import argparse
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.custody import Custody
from lakzegel_core.custody_state import AdmissionState
from lakzegel_core.encoding import b64, format_time, unb64
from lakzegel_core.errors import FormatError
from lakzegel_core.keys import VerifierKey
from lakzegel_core.limits import MAX_WITHDRAWN
from lakzegel_core.roster import normal_serial
from lakzegel_core.tiles import encode_entries
from lakzegel_core.withdrawal import Withdrawal, sign_withdrawal
from lakzegel_office import durable
from lakzegel_office.commands.admit import add_expires, end_of, enrolment_key
from lakzegel_office.commands.common import Commands, Office, answer, command, shown, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.errors import UsageError
from lakzegel_office.mirror import Mirror
from lakzegel_office.replaying import replay_home
from lakzegel_office.rosters.book import Listed, Machine, book_of
from lakzegel_office.terms.register import terms_of

UNPUBLISHED: Final = "unpublished"  # the mirrored log has no admission of it


def add(commands: Commands) -> None:
    """Add the commands."""
    text = "which machine of a table is which device, and leave for it to come in again"
    top = commands.add_parser("roster", help=text, description=text)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "list", list_, "show which machine is which device, and who came in")
    _add_which(parser)
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser = command(parts, "again", again, "sign leave for machines to come in once more")
    parser.add_argument("--serial", action="append", required=True, metavar="S", help="which")
    add_expires(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="the notes, for the receiver")
    parser = command(commands, "withdraw", withdraw, "sign that leave to enrol is taken back")
    parser.epilog = (
        "It takes back what is left of an admission, for ever; devices that it let in go on (see"
        " revoke). Name a roster, machines of rosters, a token, or a group."
    )
    _add_which(parser)
    parser.add_argument("--token", action="append", default=[], metavar="ID", help="8 digits of it")
    parser.add_argument("--group", metavar="G", help="all that is left for this group")
    parser.add_argument(
        "--reason", required=True, metavar="WORD", help="like stolen or lost: a-z, 0-9, hyphens"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the note, for the receiver")


def _add_which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--roster", metavar="ID", help="the 8 digits of a roster's key")
    parser.add_argument("--serial", action="append", default=[], metavar="S", help="a machine")


def list_(arguments: argparse.Namespace) -> int:
    """Print a line a machine."""
    office = unlock(arguments)
    log, now = _log(office), datetime.now(UTC)
    rows = [_row(one, log, now) for one in _chosen(office, arguments)]
    if arguments.json:
        answer(rows)
        return 0
    for row in rows:
        words = (row["roster"], row["serial"], row["device"], row["group"], row["custody"])
        print(shown("  ".join((*words, row["state"], row["person"]))))
    return 0


def again(arguments: argparse.Namespace) -> int:
    """Write another admission of each machine's own token: the profile stays as it is."""
    office = unlock(arguments)
    now = datetime.now(UTC).replace(microsecond=0)
    expires, terms = end_of(arguments.expires, now), terms_of(office)
    newest = {one.machine.serial: one for one in book_of(office).listed()}
    wanted = [_known(newest, text) for text in arguments.serial]
    for one in wanted:
        if terms.is_closed(one.machine.custody):
            raise UsageError(f"--serial: the term of {one.machine.custody} was closed")
    key, origin = enrolment_key(office), office.config.origin
    notes = [sign_admission(_admission(one.machine, origin, expires), key) for one in wanted]
    _require_free(arguments.out)
    for one, note in zip(wanted, notes, strict=True):
        ident = b64(hashlib.sha256(note).digest())
        machine = replace(one.machine, admission=ident)
        book_of(office).add(one.roster, expires, [machine], now)
    trail_of(office).record("admit-again", {"devices": str(len(notes))}, now=now)
    _write(arguments.out, notes)
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """Write the note, or as many as it takes."""
    office = unlock(arguments)
    named = (arguments.roster, arguments.serial, arguments.token, arguments.group)
    if not any(named):
        raise UsageError("withdraw: what? --roster, --serial, --token or --group")
    log = _log(office)
    if log is None:
        raise UsageError(f"{office.home.root}: no mirror yet; run: lakzegel-office pull")
    ids = sorted({state.id for state in _left(office, log, arguments)})
    if not ids:
        raise UsageError(
            "withdraw: nothing of that is left in the mirrored log; pull, and see list"
        )
    _require_free(arguments.out)
    now = datetime.now(UTC).replace(microsecond=0)
    key, origin = enrolment_key(office), office.config.origin
    parts = [tuple(ids[n : n + MAX_WITHDRAWN]) for n in range(0, len(ids), MAX_WITHDRAWN)]
    notes = [
        sign_withdrawal(Withdrawal(origin, part, arguments.reason, now), key) for part in parts
    ]
    about = {"admissions": str(len(ids))}
    trail_of(office).record("withdraw", about, now=now, reason=arguments.reason)
    _write(arguments.out, notes)
    print(f"{len(ids)} admissions: until the receiver has it, it lets in who has the token")
    return 0


def _chosen(office: Office, arguments: argparse.Namespace) -> Iterator[Listed]:
    """Yield the machines that were asked for, all where nothing was named."""
    serials = {_serial(text) for text in arguments.serial}
    for one in book_of(office).listed():
        if arguments.roster in {None, one.roster} and (
            not serials or one.machine.serial in serials
        ):
            yield one


def _left(office: Office, log: Custody, arguments: argparse.Namespace) -> Iterator[AdmissionState]:
    """Yield the admissions that were named and that let somebody in yet."""
    ids: set[bytes] = set()
    if arguments.roster or arguments.serial:
        chosen = _chosen(office, arguments)
        ids = {unb64(one.machine.admission, what="admission") for one in chosen}
    for state in log.admissions.values():
        found = state.admission
        is_named = (
            state.id in ids
            or found.token.name.rpartition("/")[2] in arguments.token
            or (arguments.group is not None and found.group == arguments.group)
        )
        if is_named and state.has_leave:
            yield state


def _row(one: Listed, log: Custody | None, now: datetime) -> dict[str, Any]:
    state = None
    if log is not None:
        state = log.admissions.get(unb64(one.machine.admission, what="admission"))
    row = asdict(one.machine)
    del row["token"], row["admission"]
    return {
        **row,
        "roster": one.roster,
        "expires": format_time(one.expires),
        "state": _state(one, state, now),
    }


def _state(one: Listed, state: AdmissionState | None, now: datetime) -> str:
    if state is None:
        return UNPUBLISHED
    if state.used:
        return "enrolled"
    if state.withdrawn is not None:
        return "withdrawn"
    return "expired" if now >= one.expires else "expected"


def _log(office: Office) -> Custody | None:
    mirror = Mirror(office.home.mirror)
    return replay_home(office).custody if mirror.checkpoint.exists() else None


def _known(newest: Mapping[str, Listed], text: str) -> Listed:
    found = newest.get(_serial(text))
    if found is None:
        raise UsageError(f"--serial {text}: on no roster; see: roster list")
    return found


def _serial(text: str) -> str:
    try:
        return normal_serial(text)
    except FormatError as error:
        raise UsageError(f"--serial {text}: {error.why}") from None


def _admission(machine: Machine, origin: str, expires: datetime) -> Admission:
    token = VerifierKey.from_text(machine.token)
    return Admission(origin, token, machine.device, machine.group, 1, expires, machine.custody)


def _require_free(out: Path) -> None:
    if out.exists():
        raise UsageError(f"{out}: exists; choose another name")


def _write(out: Path, notes: Sequence[bytes]) -> None:
    durable.write_new(out, notes[0] if len(notes) == 1 else encode_entries(notes))
    print(f"{out}: have the receiver publish it")
