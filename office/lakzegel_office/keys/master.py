# SPDX-License-Identifier: EUPL-1.2
"""The office's master key is replaced, so that who could open the keys no longer can.

1. every copy of the master key, wrapped for somebody, becomes a copy of the new and the old one;
2. every secret is sealed to the new one;
3. every copy becomes a copy of the new one alone.

A kill between any two writes leaves copies that open everything: who holds both goes on with the
same new one, and before the second step nothing is sealed to a new one (docs/spec/office-keys.md
§3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakzegel_core import age, age_header
from lakzegel_office import durable
from lakzegel_office.regular import open_followed
from lakzegel_office.vault import MASTER, MAX_KEY_FILE, Vault

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Holder:
    """One wrapped copy of the master key: where it lies, and how it is wrapped."""

    path: Path
    wrap: Callable[[bytes], bytes]

    def keep(self, *masters: age.Identity) -> None:
        """Leave a copy of these, the one in force first."""
        text = "\n".join(identity.to_text() for identity in masters)
        durable.write_file(self.path, self.wrap(text.encode()))


def for_person(path: Path, recipient: age.Recipient, random: Random) -> Holder:
    """Return the copy that a person's own key opens."""
    return Holder(path, lambda text: age.encrypt(text, [recipient], random=random))


def for_passphrase(folder: Path, passphrase: str, random: Random) -> Holder:
    """Return the copy that a passphrase opens, at the cost that it had."""
    path = folder / f"{MASTER}.age"
    with open_followed(path) as file:
        stanza = age_header.parse(file.read(MAX_KEY_FILE)).stanzas[0]
    cost = int(stanza.args[2])

    def wrap(text: bytes) -> bytes:
        return age.encrypt_passphrase(text, passphrase, random=random, work_factor=cost)

    return Holder(path, wrap)


def rotate(folder: Path, vault: Vault, holders: Sequence[Holder], random: Random) -> Vault:
    """Replace the master key of the vault at `folder`; return the vault of the new one.

    One that a crash interrupted is ended first: whoever leaves now may have a copy of its new key.

    Raises:
        UsageError: the vault was opened with a key that was replaced since; nothing is written.
    """
    if len(vault.masters) > 1:
        vault = _replace(folder, vault.masters, holders)
    return _replace(folder, (age.Identity.from_seed(random(age.SEED)), *vault.masters), holders)


def _replace(folder: Path, masters: Sequence[age.Identity], holders: Sequence[Holder]) -> Vault:
    master, *former = masters
    both = Vault(folder, master, *former)
    for name in both.names():
        both.load(name)  # copies of a key that was replaced meanwhile would take the place of its
    for holder in holders:
        holder.keep(master, *former)
    for name in both.names():
        both.replace(name, both.load(name))
    for holder in holders:
        holder.keep(master)
    return Vault(folder, master)
