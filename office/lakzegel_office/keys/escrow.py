# SPDX-License-Identifier: EUPL-1.2
"""The escrow: split into shares, rehearsed from them, restored; docs/spec/office-keys.md §6."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final

from lakzegel_core import limits
from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keyring import Keyring, open_keyring
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.errors import DoubtError, UsageError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.keys.periodkeys import period_keys
from lakzegel_office.keys.periods import ESCROW, RECORDS, Period, State
from lakzegel_office.keys.shares import Group, OneShare, combine, split
from lakzegel_office.keys.sheets import Sheet, read_sheet
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay

SAMPLE: Final = 20  # keyrings


@dataclass(frozen=True, slots=True)
class Plan:
    """How an escrow is split."""

    groups: tuple[Group, ...]
    groups_needed: int
    passphrase: str
    iterations: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a rehearsal found: how many original keyrings were drawn, and which did not open."""

    tried: int
    failed: tuple[str, ...]


def write_shares(
    office: Office, period: Period, plan: Plan, folder: Path, *, now: datetime
) -> list[OneShare]:
    """Write a sheet a share, read each back and prove that they give the key; return them.

    Raises:
        UsageError: the escrow is not here, the folder holds something, or what was written does
            not give the key.
    """
    name = period.secret(ESCROW)
    if not office.vault.has(name):
        raise UsageError(f"period {period.name}: its escrow is not in the vault; it was split")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder}: is not empty; shares go into a folder of their own")
    identity = office.vault.identity(name)
    made = split(
        identity.seed,
        plan.groups,
        plan.groups_needed,
        passphrase=plan.passphrase,
        iterations=plan.iterations,
    )
    shares = [share for group in made for share in group]
    files = {}
    for number, share in enumerate(shares, 1):
        sheet = Sheet(
            office.config.org,
            period.name,
            fingerprint(period),
            number,
            len(shares),
            len(plan.groups),
            now.date(),
        )
        path = folder / f"escrow-{period.name}-{number}-of-{len(shares)}.txt"
        files[path] = sheet.text(share).encode()
    durable.write_files(files)
    if recovered([read_sheet(path) for path in files], plan.passphrase) != identity:
        raise UsageError(f"{folder}: what was written does not give the key; nothing else was done")
    return shares


def recovered(shares: Sequence[OneShare], passphrase: str) -> Identity:
    """Return the private half that shares give; which it is, its recipient tells."""
    return Identity.from_seed(combine(shares, passphrase=passphrase))


def period_of(office: Office, identity: Identity) -> Period:
    """Return the period whose escrow this is.

    Raises:
        UsageError: of none: the passphrase of the shares is another, or they are another office's.
        DoubtError: of a period whose keys were destroyed, and this one was not.
    """
    for period in office.config.periods.of([identity.recipient]):
        if period.recipients[ESCROW] == identity.recipient:
            if period.state in {State.ERASING, State.ERASED}:
                raise DoubtError(
                    f"period {period.name}: is {period.state}, and these shares give its key still;"
                    " collect all of them and destroy them"
                )
            return period
    raise UsageError("the shares give no escrow key of this office, or have another passphrase")


def rehearse(
    office: Office, replay: Replay, period: Period, identity: Identity, size: int, random: Random
) -> Sampled:
    """Open a random sample of original keyrings of the period with its escrow; write nothing.

    An original keyring is as the device wrote it: generation 0, the digest that the header has.
    Where the vault has the records key, the two must give the same keys, and a keyring that only
    that one opens has failed. Where it has not, any keyring that the escrow opens counts.
    """
    mirror = Mirror(office.home.mirror)
    own = [
        key
        for key in period_keys(office.vault, office.config.periods)
        if key.period.name == period.name and key.role == RECORDS
    ]
    drawn = list(replay.accepted)
    random.shuffle(drawn)
    tried, failed = 0, []
    for record, data in _originals(mirror, drawn):
        if tried == size:
            break
        wanted = _opened(data, own[0].identity) if own else None
        found = _opened(data, identity)
        if wanted is None and found is None:
            continue  # of another period
        tried += 1
        if own and wanted != found:
            failed.append(record.name)
    return Sampled(tried, tuple(failed))


def fingerprint(period: Period) -> str:
    """Return what a sheet names an escrow by."""
    return b64(hashlib.sha256(period.recipients[ESCROW].to_text().encode()).digest())


def _originals(
    mirror: Mirror, records: Iterable[HeaderRecord]
) -> Iterator[tuple[HeaderRecord, bytes]]:
    """Yield the keyrings that are as their device wrote them, one at a time."""
    for record in records:
        try:
            data = read_limited(mirror.keyring(record.batch_id), limits.MAX_KEYRING)
        except FileNotFoundError:
            continue
        if hashlib.sha256(data).digest() == record.header.keyring:
            yield record, data


def _opened(data: bytes, identity: Identity) -> Keyring | None:
    try:
        return open_keyring(data, [identity])
    except LakzegelError:
        return None
