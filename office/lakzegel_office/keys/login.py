# SPDX-License-Identifier: EUPL-1.2
"""Who runs a command, and which of the office's keys that opens; docs/spec/office-keys.md §2.

HOME/people/NAME/master.age           the person's own key, under his own passphrase
HOME/people/NAME/approval.age         what he alone can sign with
HOME/keys/people/NAME/master.age      the office's master key, for an archivist
HOME/keys/people/NAME/journal.age     the journals' key, for everybody else
"""

from dataclasses import dataclass, field
from pathlib import Path

from lakzegel_office.config import Config
from lakzegel_office.errors import UsageError
from lakzegel_office.home import Home
from lakzegel_office.keys.people import Duty, Person
from lakzegel_office.vault import MASTER, Vault


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff who logged in, with the vault that his passphrase opened."""

    person: Person
    own: Vault = field(repr=False)


def own_folder(home: Home, name: str) -> Path:
    """Return where a person's own vault is, unless he keeps it elsewhere."""
    return home.root / "people" / name


def wraps(home: Home, name: str) -> Path:
    """Return where what of the office's keys is for this person lies, wrapped for him."""
    return home.keys / "people" / name


def login(
    home: Home, config: Config, name: str, passphrase: str, elsewhere: Path | None
) -> tuple[Staff, Vault]:
    """Return who logged in, and the office's keys as far as they are his.

    Raises:
        UsageError: nobody of that name works here, it is not his passphrase or not his vault.
    """
    person = config.people.get(name)
    folder = elsewhere or own_folder(home, name)
    own = Vault.unlock(folder, passphrase)
    if own.recipient != person.recipient:
        raise UsageError(f"{folder}: is not the vault of {name} that office.toml names")
    mine = wraps(home, name)
    if person.may(Duty.ARCHIVIST):
        return Staff(person, own), Vault.open(home.keys, mine / f"{MASTER}.age", own.masters[0])
    return Staff(person, own), Vault(mine, own.masters[0])


def login_alone(home: Home, config: Config, passphrase: str) -> Vault:
    """Return the keys of an office that one passphrase opens.

    Raises:
        UsageError: each logs in by name here, or it is another passphrase.
    """
    if config.people.with_duty(Duty.ARCHIVIST) and not (home.keys / f"{MASTER}.age").exists():
        raise UsageError("say who you are: --as NAME, or LAKZEGEL_STAFF; see: staff list")
    return Vault.unlock(home.keys, passphrase)
