# SPDX-License-Identifier: EUPL-1.2
"""A new delegation: prepared from who works here, signed by the policy keys, then published.

    notes/delegation.note        the first, by `init`
    notes/delegation-N.note      serial N; complete once a threshold of policy keys signed it

docs/spec/office-keys.md §4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from lakzegel_core import note
from lakzegel_core.delegation import Delegation, open_delegation, peek_delegation, sign_delegation
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.limits import MAX_NOTE
from lakzegel_office import durable
from lakzegel_office.config import APPROVAL_KEYS, Config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys.people import Duty, People
from lakzegel_office.mirror import read_limited

FEWEST: Final = 2  # approvers that a keyring change takes


def prepared(home: Home) -> list[tuple[Path, Delegation]]:
    """Return every delegation that was made here, by rising serial, complete or not.

    Raises:
        UsageError: one cannot be read.
    """
    found = []
    for path in home.notes.glob("delegation*.note"):
        try:
            found.append((path, peek_delegation(read_limited(path, MAX_NOTE))))
        except (OSError, LakzegelError) as error:
            raise UsageError(f"{path}: not a delegation: {error}") from error
    return sorted(found, key=lambda each: each[1].serial)


def approvers_now(home: Home, config: Config) -> tuple[VerifierKey, ...]:
    """Return the approval keys that a delegation should name: of persons, once they are two.

    Until then those that `init` made stay, where they still exist.
    """
    named = [p.approval for p in config.people.with_duty(Duty.APPROVER) if p.approval is not None]
    if len(named) >= FEWEST:
        return tuple(named)
    left = [name for name in APPROVAL_KEYS if (home.keys / f"{name}.age").exists()]
    return (*(config.keys[name] for name in left), *named)


def prepare(
    home: Home, config: Config, signers: Sequence[SigningKey], *, now: datetime
) -> Path | None:
    """Write the delegation that fits who works here; None where the newest says so already.

    Args:
        home: where the notes lie.
        config: who works here, and with which keys.
        signers: the policy keys that are at hand, in the delegation's order.
        now: when.

    Raises:
        UsageError: none of the policy keys is at hand.
    """
    _, newest = prepared(home)[-1]
    wanted = replace(
        newest, enrolment=(config.keys["enrolment"],), approval=approvers_now(home, config)
    )
    if wanted == newest:
        return None
    if not signers:
        raise UsageError("no policy key at hand: an archivist begins a delegation")
    made = replace(wanted, serial=newest.serial + 1, issued=now)
    path = home.notes / f"delegation-{made.serial}.note"
    durable.write_file(path, sign_delegation(made, signers))
    return path


def missing(path: Path, keys: Sequence[VerifierKey], threshold: int) -> int:
    """Return how many signatures a prepared delegation lacks."""
    data = read_limited(path, MAX_NOTE)
    try:
        open_delegation(data, keys, threshold)
    except LakzegelError:
        return max(1, threshold - len(note.parse(data).signatures))
    return 0


def before(
    made: Sequence[tuple[Path, Delegation]], new: Delegation, config: Config
) -> Delegation | None:
    """Return what a new delegation is compared with: the newest complete one below it.

    Who signs has seen none that was prepared in between, nor whose keys those named.
    """
    for path, old in reversed(made):
        if old.serial < new.serial and not missing(path, config.policy_keys, config.threshold):
            return old
    return None


def has_signed(path: Path, key: SigningKey) -> bool:
    """Tell whether a prepared delegation has this key's line."""
    lines = note.parse(read_limited(path, MAX_NOTE)).signatures
    return any(line.key_id == key.verifier.key_id for line in lines)


def differences(old: Delegation | None, new: Delegation, people: People) -> Iterator[str]:
    """Yield a line for each key that comes or goes, and whose it is; and another threshold."""
    if old is not None and old.threshold != new.threshold:
        yield f"- threshold {old.threshold}"
        yield f"+ threshold {new.threshold}: so many policy keys sign"
    before = list(old.role_keys()) if old is not None else []
    after = list(new.role_keys())
    for sign, rows, others in (("-", before, after), ("+", after, before)):
        for row in rows:
            if row not in others:
                holder = people.holder(row.key)
                whose = holder.name if holder is not None else "the office"
                yield f"{sign} {row.role} {row.key.name}, of {whose}"


def add_signature(path: Path, keys: Sequence[VerifierKey], key: SigningKey) -> Delegation:
    """Add a policy key's signature, in the order of the policy lines; return what was signed.

    Raises:
        LakzegelError: a signature that it has is not by one of `keys`.
        UsageError: this key signed it already.
    """
    data = read_limited(path, MAX_NOTE)
    have = len(note.parse(data).signatures)
    opened = note.open_threshold(data, keys, have)
    if any(line.key_id == key.verifier.key_id for line in opened.signatures):
        raise UsageError(f"{path}: {key.verifier.name} signed it already")
    delegation = Delegation.from_text(opened.text)
    line = note.Signature(key.verifier.name, key.verifier.key_id, key.sign(opened.text))
    order = [one.key_id for one in keys]
    lines = sorted((*opened.signatures, line), key=lambda each: order.index(each.key_id))
    durable.write_file(path, note.Note(opened.text, tuple(lines)).to_bytes())
    return delegation
