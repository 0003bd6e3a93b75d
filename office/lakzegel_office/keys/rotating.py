# SPDX-License-Identifier: EUPL-1.2
"""Another enrolment key, another approval key of one's own; docs/spec/office-keys.md §5.

The new one lies beside the old one as NAME-next until office.toml names it and it has the old
one's place: after a kill the same command goes on with it, and no second one is made.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from lakzegel_core import age
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_office import durable
from lakzegel_office.commands.common import Office
from lakzegel_office.config import Config
from lakzegel_office.errors import UsageError
from lakzegel_office.keys import delegations
from lakzegel_office.keys.approving import APPROVAL, policy_signers
from lakzegel_office.keys.people import Duty
from lakzegel_office.keys.staffing import Tools, require_archivist
from lakzegel_office.vault import Vault

ENROLMENT: Final = "enrolment"
ROLES: Final = (ENROLMENT, APPROVAL)


def rotate(office: Office, role: str, tools: Tools) -> tuple[SigningKey, Path | None]:
    """Make another key for a role; return it, and the delegation that names it.

    Raises:
        UsageError: who runs this has no key in that role that is his to replace.
    """
    vault = _vault(office, role)
    key = _next(vault, role, office.config.org, tools)
    config = _named(office, role, key)
    durable.write_file(office.home.config, config.to_toml().encode())
    vault.replace(role, key.to_text().encode())
    vault.destroy(f"{role}-next")
    signers = policy_signers(office)
    note = delegations.prepare(office.home, config, signers, now=tools.now) if signers else None
    return key, note


def _vault(office: Office, role: str) -> Vault:
    if role == ENROLMENT:
        require_archivist(office)
        return office.vault
    if office.staff is None or not office.staff.person.may(Duty.APPROVER):
        raise UsageError("an approver replaces his own key: --as NAME")
    return office.staff.own


def _next(vault: Vault, role: str, org: str, tools: Tools) -> SigningKey:
    name = f"{role}-next"
    if not vault.has(name):
        called = f"{org}/{role}-{tools.random(4).hex()}"
        made = SigningKey.from_seed(called, Algorithm.ED25519, tools.random(age.SEED))
        vault.store(name, made.to_text().encode())
    return SigningKey.from_text(vault.load(name).decode("ascii"))


def _named(office: Office, role: str, key: SigningKey) -> Config:
    """Return what office.toml says once it names the key; the same where it does."""
    config = office.config
    if role == ENROLMENT:
        return replace(config, keys={**config.keys, ENROLMENT: key.verifier})
    if office.staff is None:
        return config
    person = config.people.get(office.staff.person.name)
    if person.approval in (None, key.verifier):
        return config
    renewed = replace(person, approval=key.verifier, former=(*person.former, person.approval))
    return replace(config, people=config.people.put(renewed))
