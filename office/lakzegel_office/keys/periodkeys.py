# SPDX-License-Identifier: EUPL-1.2
"""The private halves of periods: making them, opening with those that exist, destroying them.

docs/spec/office-keys.md §1.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from lakzegel_core.age import SEED, Identity
from lakzegel_core.errors import DecryptError
from lakzegel_core.keyring import open_keyring
from lakzegel_office import durable
from lakzegel_office.config import Config, read_config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys.periods import FIRST, ROLES, Period, Periods, State
from lakzegel_office.replay import Replay
from lakzegel_office.vault import Vault

COPIES: Final = (
    "backups and snapshots of the keys folder made before now, with a passphrase of that time",
    "the escrow's shares: a threshold of them is the key; collect and destroy them",
    "memory and swap of machines where the office's programs run or ran: start those anew",
    "blocks of deleted files on the disk: sealed to the master key; run: keys rotate master",
)  # what this program cannot reach; a person answers for each


@dataclass(frozen=True, slots=True)
class PeriodKey:
    """One private half, and whose it is."""

    period: Period
    role: str
    identity: Identity = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was destroyed here, and where copies may be that this program cannot reach."""

    period: Period
    destroyed: tuple[str, ...]
    copies: tuple[str, ...] = COPIES


def begin_period(
    home: Home,
    config: Config,
    vault: Vault,
    name: str,
    organisation: str | None,
    *,
    now: datetime,
    random: Callable[[int], bytes],
) -> Config:
    """Make a period's two keys, then name their recipients in office.toml; return what it says.

    A private half that a crash left without its recipient being named is used, not made twice.

    Raises:
        UsageError: there is a period of that name.
    """
    require_new(config, name)
    recipients = {}
    for role in ROLES:
        secret = f"{role}-{name}"
        if not vault.has(secret):
            vault.store(secret, Identity.from_seed(random(SEED)).to_text().encode())
        recipients[role] = vault.identity(secret).recipient
    period = Period(name, State.OPEN, recipients, now, organisation)
    return _keep(home, config, config.periods.begin(period))


def require_new(config: Config, name: str) -> None:
    """Return when there is no period of that name.

    Raises:
        UsageError: there is one.
    """
    if any(period.name == name for period in config.periods.all) or name == FIRST:
        raise UsageError(f"period {name}: there is one of that name; they are for ever")


def period_keys(vault: Vault, periods: Periods) -> list[PeriodKey]:
    """Return every private half that is in the vault, newest period first.

    Raises:
        UsageError: one is not the key that office.toml names.
    """
    found = []
    for period in reversed(periods.all):
        for role in ROLES:
            if period.has_keys and vault.has(period.secret(role)):
                identity = vault.identity(period.secret(role))
                if identity.recipient != period.recipients[role]:
                    raise UsageError(
                        f"keys/{period.secret(role)}.age: not the key that office.toml names"
                    )
                found.append(PeriodKey(period, role, identity))
    return found


def opened_by(keyring: bytes, keys: Iterable[PeriodKey]) -> PeriodKey | None:
    """Return the first of the keys that opens a keyring file; None where none does.

    That is proof; what a policy names is only what should be so.

    Raises:
        FormatError, LimitError: it is no keyring file.
    """
    for key in keys:
        try:
            open_keyring(keyring, [key.identity])
        except DecryptError:
            continue
        return key
    return None


def devices_behind(replay: Replay, period: Period) -> list[str]:
    """Return the devices that may still bring batches that only this period's keys open.

    A device that is off goes on under the policy that it has. Its newest header names the one
    under which it sealed last; until that names other recipients, what it sealed since is on its
    way, and would be lost for ever. A device that ended or was revoked brings nothing more.
    """
    newest = {record.header.device: record.header for record in replay.accepted}
    named = {
        id_
        for id_, entry in replay.custody.policies.items()
        if any(one in entry.policy.recipients for one in period.in_order)
    }
    return sorted(
        name
        for name, header in newest.items()
        if header.policy in named
        and not (replay.custody.devices[name].final or replay.custody.devices[name].revoked)
    )


def erase_private_keys(
    home: Home, config: Config, vault: Vault, period: Period, *, now: datetime
) -> tuple[Config, Erasure]:
    """Destroy the private halves of a period in the vault; return what is so from then on.

    That no keyring needs them any more is for the caller to have made sure. office.toml says
    `erasing` before the first is deleted and `erased` after the last: run again after a crash.

    Raises:
        UsageError: the period is open still, so that policies may name it.
    """
    del config  # as it was when the command began; what is so now counts
    with home.changing_keys():
        current = read_config(home.config)
        period = current.periods.get(period.name)
        if period.state is State.OPEN:
            raise UsageError(f"period {period.name}: is open; run: keys period begin NAME")
        names: Sequence[str] = [name for name in map(period.secret, ROLES) if vault.has(name)]
        erasing = replace(period, state=State.ERASING)
        current = _keep(home, current, current.periods.changed(erasing))
        for name in names:
            vault.destroy(name)
        gone = replace(period, state=State.ERASED, erased=period.erased or now)
        current = _keep(home, current, current.periods.changed(gone))
    return current, Erasure(gone, tuple(names))


def _keep(home: Home, config: Config, periods: Periods) -> Config:
    changed = replace(config, periods=periods)
    durable.write_file(home.config, changed.to_toml().encode())
    return changed
