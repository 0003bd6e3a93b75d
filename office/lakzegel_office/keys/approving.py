# SPDX-License-Identifier: EUPL-1.2
"""Whose key signs: an approver's, a policy's; and whether two are two persons'.

docs/spec/office-keys.md §2.
"""

from collections.abc import Sequence

from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office.commands.common import Office
from lakzegel_office.config import APPROVAL_KEYS, POLICY_KEYS, Config
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.people import Duty
from lakzegel_office.vault import Vault

APPROVAL = "approval"  # its name in the approver's own vault


def approval_key(
    office: Office, in_force: Sequence[VerifierKey], *, besides: VerifierKey | None = None
) -> SigningKey:
    """Return the key with which whoever runs this command approves.

    Args:
        office: unlocked; its `staff` is who logged in.
        in_force: the approval keys of the delegation in force, `replay.custody`'s.
        besides: the key that signed already, where a second person must.

    Raises:
        UsageError: he is no approver, his key is not in force, or he is the first one himself.
    """
    if office.staff is None:
        key = _of_the_office(office, besides)
    else:
        person = office.staff.person
        if not person.may(Duty.APPROVER) or person.approval is None:
            raise UsageError(f"{person.name}: has not the role approver; see: staff list")
        if person.approval == besides:
            raise UsageError(f"{person.name}: signed this already; a second person must approve")
        key = office.staff.own.signer(APPROVAL, person.approval)
    if key.verifier not in in_force:
        raise UsageError(
            f"{key.verifier.name}: is not in force in the mirrored log; have the newest"
            " notes/delegation-N.note published, then pull"
        )
    return key


def policy_key(office: Office, name: str) -> SigningKey:
    """Return a policy key: of the office, or of the privacy officer who logged in.

    Raises:
        UsageError: somebody else has it.
    """
    expected = office.config.keys[name]
    vault = _with_policy_key(office, name)
    if vault is not None:
        return vault.signer(name, expected)
    holder = office.config.people.holder(expected)
    who = "an archivist has it" if holder is None else f"{holder.name} has it: --as {holder.name}"
    raise UsageError(f"{name}: {who}, with his own passphrase")


def policy_signers(office: Office) -> list[SigningKey]:
    """Return the policy keys that whoever runs this has at hand, in the pinned order."""
    names = [name for name in POLICY_KEYS if _with_policy_key(office, name) is not None]
    return [policy_key(office, name) for name in names]


def _with_policy_key(office: Office, name: str) -> Vault | None:
    if office.vault.has(name):
        return office.vault
    staff = office.staff
    return staff.own if staff and staff.person.policy == office.config.keys[name] else None


def two_persons(config: Config, first: VerifierKey, second: VerifierKey) -> bool:
    """Tell whether two approval keys are two named persons' own; those of `init` are one's."""
    one, other = config.people.holder(first), config.people.holder(second)
    return one is not None and other is not None and one.name != other.name


def shared_keys(config: Config, in_force: Sequence[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return the approval keys in force that one passphrase opens all: no person's own."""
    return tuple(key for key in in_force if config.people.holder(key) is None)


def _of_the_office(office: Office, besides: VerifierKey | None) -> SigningKey:
    for name in APPROVAL_KEYS:
        expected = office.config.keys[name]
        if expected != besides and office.vault.has(name):
            return office.vault.signer(name, expected)
    raise UsageError("no approval key here: each approver has his own; say who you are: --as NAME")
