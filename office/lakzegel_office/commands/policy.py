# SPDX-License-Identifier: EUPL-1.2
"""`policy sign|cosign|diff|promote`: two people, one text, and what it changes shown to both.

`sign` reads FILE (TOML) and writes `FILE.note`, signed by the records office's policy key.
`cosign` adds the privacy officer's to it. Annexes lie beside it as `FILE.<device>.annex`, and in
`notes/annexes/`, from where the next pull hands them to the receiver.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core import limits
from lakzegel_core.age import Recipient
from lakzegel_core.annex import Annex, parse_annex
from lakzegel_core.policy import Policy, parse_policy_toml, sign_policy
from lakzegel_office import durable
from lakzegel_office.annexes import keep_annex
from lakzegel_office.annexreading import readable_annexes
from lakzegel_office.commands.common import Commands, Office, command, say, unlock
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.config import POLICY_KEYS
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.approving import policy_key
from lakzegel_office.keys.people import Duty
from lakzegel_office.keys.periods import ESCROW
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.policydraft import (
    add_signature,
    check_draft,
    check_recipients,
    differences,
    newest,
    with_annexes,
)
from lakzegel_office.promoting import promoted
from lakzegel_office.replay import Replay
from lakzegel_office.replaying import replay_home
from lakzegel_office.widening import Shown, widened

SUFFIX: Final = ".note"


def add(commands: Commands) -> None:
    """Add the command with its three parts."""
    text = "sign a policy, add the second signature, show what it changes"
    top = commands.add_parser("policy", help=text, description=text)
    parts = top.add_subparsers(dest="part", required=True, metavar="PART")
    parser = command(parts, "sign", sign, "check a policy and sign it as records office")
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, TOML")
    parser.add_argument(
        "--annex",
        action="append",
        default=[],
        metavar="DEVICE=FILE",
        help="what only that device may read, TOML; the device must be enrolled and pulled",
    )
    parser = command(parts, "cosign", cosign, "add the privacy officer's signature")
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy or its .note")
    parser.add_argument(
        "--i-have-read",
        metavar="DIGEST",
        help="of the lines that say what the policy widens, as cosign and diff print it",
    )
    parser = command(parts, "diff", diff, "show what a policy changes")
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, TOML")
    parser = command(parts, "promote", promote, "write the same policy for the next ring")
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, TOML")
    parser.add_argument(
        "--to", action="append", required=True, metavar="RING", help="the group that it is for"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the new policy, to be signed")


def sign(arguments: argparse.Namespace) -> int:
    """Write `FILE.note` with the first signature."""
    office = unlock(arguments)
    path: Path = arguments.file
    toml = _read_text(path, limits.MAX_POLICY)
    replay = _replay(office)
    sealed: dict[str, bytes] = {}
    if arguments.annex:
        annexes = dict(_annex(text, replay) for text in arguments.annex)
        officers = office.config.people.with_duty(Duty.PRIVACY)
        toml, sealed = with_annexes(
            toml, annexes, os.urandom, [person.recipient for person in officers]
        )
    policy = parse_policy_toml(toml)
    in_force = _in_force(replay, policy)
    check_draft(policy, office.config, in_force, datetime.now(UTC))
    if check_recipients(policy, office.config).recipients[ESCROW] not in policy.recipients:
        say("policy: recipients lacks this office's escrow key; only the records key will open")
    shown = _shown(office, replay, policy, sealed)
    _print(shown)
    name = POLICY_KEYS[0]
    key = policy_key(office, name)
    target = path.with_name(path.name + SUFFIX)
    _record(office, "policy-sign", policy, shown)
    durable.write_file(target, sign_policy(office.config.origin, policy, [key]))
    for device, data in sealed.items():
        durable.write_file(path.with_name(f"{path.name}.{device}.annex"), data)
        keep_annex(office.home, data)
    print(f"{target}: signed by {key.verifier.name}; now: policy cosign {path}")
    return 0


def cosign(arguments: argparse.Namespace) -> int:
    """Add the second signature, having shown what the policy changes."""
    office = unlock(arguments)
    path: Path = arguments.file
    target = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
    data = _read_bytes(target, limits.MAX_NOTE)
    first = office.config.keys[POLICY_KEYS[0]]
    key = policy_key(office, POLICY_KEYS[1])
    signed, policy = add_signature(data, first, key)
    replay = _replay(office)
    check_draft(policy, office.config, _in_force(replay, policy), datetime.now(UTC))
    shown = _shown(office, replay, policy, {})
    _print(shown)
    if shown.widens and office.staff is not None:
        _require_read(shown, arguments.i_have_read)
    _record(office, "policy-cosign", policy, shown)
    durable.write_file(target, signed)
    durable.write_file(office.home.notes / f"policy-{policy.serial}.note", signed)
    print(f"{target}: complete; have the receiver publish it")
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """Print what a policy changes."""
    office = unlock(arguments)
    policy = parse_policy_toml(_read_text(arguments.file, limits.MAX_POLICY))
    shown = _shown(office, _replay(office), policy, {})
    _print(shown)
    return 0


def promote(arguments: argparse.Namespace) -> int:
    """Write the policy for another ring, with the next serial."""
    office = unlock(arguments)
    replay = _replay(office)
    known = replay.policies() if replay is not None else []
    text = promoted(_read_text(arguments.file, limits.MAX_POLICY), arguments.to, known)
    if arguments.out.exists():
        raise UsageError(f"{arguments.out}: exists; choose another name")
    durable.write_new(arguments.out, text.encode())
    print(f"{arguments.out}: now: policy sign {arguments.out}")
    return 0


def _replay(office: Office) -> Replay | None:
    """Return the mirrored log, or None before the first pull."""
    mirror = Mirror(office.home.mirror)
    return replay_home(office) if mirror.checkpoint.exists() else None


def _in_force(replay: Replay | None, draft: Policy) -> Policy | None:
    return newest(replay.policies(), draft) if replay is not None else None


def _annex(text: str, replay: Replay | None) -> tuple[str, tuple[Annex, Recipient]]:
    device, equals, file = text.partition("=")
    if not equals:
        raise UsageError(f"--annex {text}: must be DEVICE=FILE")
    key = replay.annex_key(device) if replay is not None else None
    if key is None:
        raise UsageError(f"--annex {device}: not enrolled in the mirrored log; enrol it, then pull")
    annex = parse_annex(_read_text(Path(file), limits.MAX_ANNEX))
    if annex.device != device:
        raise UsageError(f"{file}: is for device {annex.device}, not {device}")
    return device, (annex, key)


def _shown(
    office: Office, replay: Replay | None, policy: Policy, sealed: Mapping[str, bytes]
) -> Shown:
    """Return what the policy changes, line by line, and in words what it widens."""

    def annexes(found: Policy) -> Mapping[str, Annex | None]:
        return readable_annexes(office, found, sealed)

    lines = list(differences(_in_force(replay, policy), policy))
    policies = replay.policies() if replay is not None else []
    lines += widened(policies, policy, office.config, annexes)
    return Shown(tuple(map(_printable, lines)))


def _printable(line: str) -> str:
    """Return a line that is one line, and moves no cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _print(shown: Shown) -> None:
    for line in shown.lines:
        print(line)
    if shown.widens:
        print(f"it widens what is captured (lines with !); digest of the above: {shown.digest}")


def _require_read(shown: Shown, given: str | None) -> None:
    """Return when who signs says that he read what was shown.

    Raises:
        UsageError: he did not, or he read something else.
    """
    if given is None and sys.stdin.isatty():
        given = input("To sign this, type the digest's first eight characters: ")
        if given == shown.digest[:8]:
            return
    if given != shown.digest:
        raise UsageError(
            "policy: it widens what is captured; read the lines above, then sign with"
            f" --i-have-read {shown.digest}"
        )


def _record(office: Office, action: str, policy: Policy, shown: Shown) -> None:
    widens = "yes" if shown.widens else "no"
    about = {"policy": str(policy.serial), "shown": shown.digest, "widens": widens}
    trail_of(office).record(action, about, now=datetime.now(UTC).replace(microsecond=0))


def _read_text(path: Path, limit: int) -> str:
    try:
        return _read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8") from error


def _read_bytes(path: Path, limit: int) -> bytes:
    try:
        return read_limited(path, limit)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
