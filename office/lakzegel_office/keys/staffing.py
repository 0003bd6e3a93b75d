# SPDX-License-Identifier: EUPL-1.2
"""Somebody comes to work at the office, or leaves; docs/spec/office-keys.md §2, §3.

Each step can be done again: after a kill between two writes the same command ends what it began,
with the keys that it made.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from lakzegel_core import age
from lakzegel_core.keys import Algorithm, SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.config import APPROVAL_KEYS, POLICY_KEYS, Config
from lakzegel_office.errors import UsageError
from lakzegel_office.keys import delegations, master
from lakzegel_office.keys.approving import APPROVAL, policy_signers
from lakzegel_office.keys.login import own_folder, wraps
from lakzegel_office.keys.people import Duty, Person
from lakzegel_office.vault import JOURNAL, MASTER, WORK_FACTOR, Vault

PRIVACY_KEY = POLICY_KEYS[1]  # its name in the office's vault, and in hers


@dataclass(frozen=True, slots=True)
class Joining:
    """Who comes to work here, as the command line says."""

    name: str
    roles: frozenset[Duty]
    passphrase: str = field(repr=False)
    folder: Path | None = None  # of his vault; None: in the office's home
    work_factor: int = WORK_FACTOR


@dataclass(frozen=True, slots=True)
class Tools:
    """The seams: the time and chance."""

    now: datetime
    random: Callable[[int], bytes] = os.urandom


def join(office: Office, joining: Joining, tools: Tools) -> tuple[Config, Path | None]:
    """Give somebody keys of his own; return what is public then, and a delegation to be signed.

    Raises:
        UsageError: there was such a person, his passphrase is another, or who runs this may not.
    """
    require_archivist(office)
    folder = joining.folder or own_folder(office.home, joining.name)
    own = _vault(folder, joining, tools)
    person = _person(office.config, own, joining, tools)
    if person.policy is not None:
        _take_policy_key(office, own)
    _wrap(office, person, tools)
    config = _keep(office, replace(office.config, people=office.config.people.put(person)))
    note = _delegate(office, config, tools)
    if person.policy is not None:
        office.vault.destroy(PRIVACY_KEY)
    return config, note


def hand_over(office: Office, name: str, folder: Path | None, tools: Tools) -> Config:
    """Give the privacy officer's key to another one; return what is public then.

    Args:
        office: unlocked by who has the key.
        name: who gets it; he has the role.
        folder: of his vault; None: in the office's home.
        tools: the time and chance.

    Raises:
        UsageError: who runs this has not the key, or the other one not the role or a vault there.
    """
    key, heir = office.config.keys[PRIVACY_KEY], office.config.people.get(name)
    if office.staff is None or office.staff.person.name == name:
        raise UsageError(f"{PRIVACY_KEY}: who has it hands it over to another one: --as NAME")
    his, staff, config = folder or own_folder(office.home, name), office.staff, office.config
    if not heir.may(Duty.PRIVACY) or not (his / f"{MASTER}.age").exists():
        raise UsageError(f"{name}: has not the role privacy, or no vault at {his}; see: staff add")
    if heir.policy != key:  # else a kill came before the last step
        staff.own.signer(PRIVACY_KEY, key)
        secret = staff.own.load(PRIVACY_KEY)
        sealed = age.encrypt(secret, [heir.recipient], random=tools.random)
        durable.write_file(his / f"{PRIVACY_KEY}.age", sealed)
        people = config.people.put(replace(staff.person, policy=None))
        config = _keep(office, replace(config, people=people.put(replace(heir, policy=key))))
    staff.own.destroy(PRIVACY_KEY)
    return config


def leave(
    office: Office, name: str, passphrase: str | None, tools: Tools, *, key_is_lost: bool = False
) -> tuple[Config, Path | None]:
    """Take somebody's access away, and replace the master key that he could open.

    Args:
        office: unlocked by an archivist, or by the office's passphrase.
        name: who leaves; once more after a kill.
        passphrase: the office's, where that opened it.
        tools: the time and chance.
        key_is_lost: whether he may take the privacy officer's key with him.

    Raises:
        UsageError: nobody of that name, or the office could not be opened by anybody then, or no
            policy signed.
    """
    require_archivist(office)
    known = {person.name: person for person in office.config.people.all}
    if name not in known:
        raise UsageError(f"{name}: never worked at this office; see: lakzegel-office staff list")
    if known[name].policy is not None and not key_is_lost:
        raise UsageError(
            f"{name}: has the privacy officer's key, and no policy is signed without it: he hands"
            " it over (staff hand-over); where he cannot, say --key-is-lost"
        )
    gone = replace(known[name], until=known[name].until or tools.now)
    people = office.config.people.put(gone)
    if passphrase is None:
        _require_no_shared(office)
        if not people.with_duty(Duty.ARCHIVIST):
            raise UsageError(f"{name}: is the last archivist; add another one first")
    config = _keep(office, replace(office.config, people=people))
    _unwrap(office, name)
    renewed = replace(office, vault=replace_master(office, config, passphrase, tools))
    return config, _delegate(renewed, config, tools)


def settle(office: Office, in_force: tuple[VerifierKey, ...], tools: Tools) -> tuple[str, ...]:
    """End the time of one passphrase: its copy of the master key and the keys of two in one go.

    Args:
        office: unlocked by an archivist by name.
        in_force: the approval keys of the delegation in force.
        tools: the time and chance.

    Returns:
        The names of the keys that were destroyed.

    Raises:
        UsageError: an approval key that `init` made is in force still, or who runs this did not
            log in by name.
    """
    if office.staff is None:
        raise UsageError("log in by name: --as NAME, with a passphrase that shows that it works")
    require_archivist(office)
    for name in APPROVAL_KEYS:
        if office.config.keys[name] in in_force:
            raise UsageError(
                f"{name}: is in force still; add two approvers, have the newest"
                " notes/delegation-N.note published, then pull"
            )
    gone = [name for name in APPROVAL_KEYS if office.vault.has(name)]
    for name in gone:
        office.vault.destroy(name)
    shared = office.home.keys / f"{MASTER}.age"
    if shared.exists():
        gone.append(MASTER)
        shared.unlink()
        durable.sync_folders([shared])
    replace_master(office, office.config, None, tools)
    return tuple(gone)


def replace_master(office: Office, config: Config, passphrase: str | None, tools: Tools) -> Vault:
    """Replace the office's master key, wrapped for its archivists and, if given, a passphrase."""
    holders = [
        master.for_person(
            wraps(office.home, person.name) / f"{MASTER}.age", person.recipient, tools.random
        )
        for person in config.people.with_duty(Duty.ARCHIVIST)
    ]
    if passphrase is not None:
        holders.append(master.for_passphrase(office.home.keys, passphrase, tools.random))
    return master.rotate(office.home.keys, office.vault, holders, tools.random)


def renew_master(office: Office, passphrase: str | None, tools: Tools) -> Vault:
    """Replace the master key for those who open it now; return the vault of the new one.

    Raises:
        UsageError: who runs this is no archivist, or a passphrase opens it too that he has not.
    """
    require_archivist(office)
    if passphrase is None:
        _require_no_shared(office)
    return replace_master(office, office.config, passphrase, tools)


def require_archivist(office: Office) -> None:
    """Return when who runs this may change the office's keys.

    Raises:
        UsageError: he logged in by name and is no archivist.
    """
    if office.staff is not None and not office.staff.person.may(Duty.ARCHIVIST):
        raise UsageError(f"{office.staff.person.name}: has not the role archivist")


def _require_no_shared(office: Office) -> None:
    if (office.home.keys / f"{MASTER}.age").exists():
        raise UsageError(
            "the office's one passphrase still opens every key, whoever is removed: run"
            " 'staff settle' first, or this command with that passphrase and without --as"
        )


def _vault(folder: Path, joining: Joining, tools: Tools) -> Vault:
    """Return the person's vault, with the keys that his roles take; a crash's is gone on with."""
    if (folder / f"{MASTER}.age").exists():
        own = Vault.unlock(folder, joining.passphrase)
    else:
        own = Vault.create(folder, joining.passphrase, joining.work_factor, random=tools.random)
    return own


def _person(config: Config, own: Vault, joining: Joining, tools: Tools) -> Person:
    """Return the person, with the public halves of what is in his vault.

    Raises:
        UsageError: somebody of that name is or was here, with another vault or other roles.
    """
    known = {person.name: person for person in config.people.all}.get(joining.name)
    if known is not None:
        if (known.recipient, known.roles, known.until) != (own.recipient, joining.roles, None):
            raise UsageError(f"{joining.name}: is or was here; choose another name")
        return known
    approval = policy = None
    if Duty.APPROVER in joining.roles:
        if not own.has(APPROVAL):
            name = f"{config.org}/approval-{tools.random(4).hex()}"
            key = SigningKey.from_seed(name, Algorithm.ED25519, tools.random(age.SEED))
            own.store(APPROVAL, key.to_text().encode())
        approval = SigningKey.from_text(own.load(APPROVAL).decode("ascii")).verifier
    if Duty.PRIVACY in joining.roles:
        policy = config.keys[PRIVACY_KEY]
        holder = config.people.holder(policy)
        if holder is not None and not holder.works_here:
            raise UsageError(f"{PRIVACY_KEY}: left with {holder.name}; see office-keys.md §5")
        policy = policy if holder is None else None  # until that one hands it over
    return Person(joining.name, joining.roles, own.recipient, tools.now, approval, policy)


def _take_policy_key(office: Office, own: Vault) -> None:
    """Give her the privacy officer's key, and read it back: the office's copy is destroyed.

    Raises:
        UsageError: what she has is not that key.
    """
    if not own.has(PRIVACY_KEY):
        own.store(PRIVACY_KEY, office.vault.load(PRIVACY_KEY))
    own.signer(PRIVACY_KEY, office.config.keys[PRIVACY_KEY])


def _wrap(office: Office, person: Person, tools: Tools) -> None:
    """Leave for a person what of the office's keys his roles open, sealed to his own key."""
    if person.may(Duty.ARCHIVIST):
        text = "\n".join(one.to_text() for one in office.vault.masters)
        name, secret = MASTER, text.encode()
    else:
        name, secret = JOURNAL, office.journal_key
    sealed = age.encrypt(secret, [person.recipient], random=tools.random)
    durable.write_file(wraps(office.home, person.name) / f"{name}.age", sealed)


def _unwrap(office: Office, name: str) -> None:
    """Delete what of the office's keys was wrapped for a person, durably."""
    folder = wraps(office.home, name)
    if folder.exists():
        shutil.rmtree(folder)
        durable.sync_folders([folder])


def _delegate(office: Office, config: Config, tools: Tools) -> Path | None:
    return delegations.prepare(office.home, config, policy_signers(office), now=tools.now)


def _keep(office: Office, config: Config) -> Config:
    durable.write_file(office.home.config, config.to_toml().encode())
    return config
