# SPDX-License-Identifier: EUPL-1.2
"""The office's private keys: one passphrase opens `master.age`, that opens the others.

Every file is an age v1 file that a stock age can open: `master.age` has a scrypt recipient, the
others the master's own hybrid recipient. So ten keys cost one run of scrypt, and each is still a
file of its own, that can be kept elsewhere and leaves no key in the clear on disk.

A member of staff has a vault of his own of the same form; docs/spec/office-keys.md §2. While a
master key is being replaced, the old one stands below the new one in `master.age`.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from lakzegel_core import age
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_office import durable
from lakzegel_office.errors import UsageError
from lakzegel_office.regular import open_followed

MASTER: Final = "master"
INDEX: Final = "index"  # 32 random bytes that seal the index below state/
JOURNAL: Final = "journal"  # the key of the journals alone, for who may read no index
SYMMETRIC: Final = frozenset({INDEX, JOURNAL})
SYMMETRIC_SIZE: Final = 32  # bytes
ACCOUNT: Final = "account"  # the bearer token of `records` at the receiver
MAX_KEY_FILE: Final = 65_536  # bytes
WORK_FACTOR: Final = 17  # log2 of scrypt's cost: 128 MiB and about half a second a guess


class Vault:
    """The unlocked folder of keys."""

    def __init__(self, folder: Path, master: age.Identity, *former: age.Identity) -> None:
        """Keep the folder, the key that its files are sealed to, and those it replaces."""
        self._folder = folder
        self.masters = (master, *former)

    def __repr__(self) -> str:
        """Return where it is, and no key."""
        return f"Vault({str(self._folder)!r})"

    @property
    def recipient(self) -> age.Recipient:
        """What the vault's files are sealed to."""
        return self.masters[0].recipient

    @classmethod
    def create(
        cls,
        folder: Path,
        passphrase: str,
        work_factor: int = WORK_FACTOR,
        *,
        random: Callable[[int], bytes] = os.urandom,
    ) -> "Vault":
        """Make the folder with a new master key under this passphrase.

        Raises:
            UsageError: there are keys already; they are left as they are.
        """
        master = age.Identity.from_seed(random(32))
        durable.make_folder(folder)
        sealed = age.encrypt_passphrase(
            master.to_text().encode(), passphrase, random=random, work_factor=work_factor
        )
        try:
            durable.write_new(folder / f"{MASTER}.age", sealed)
        except FileExistsError:
            raise UsageError(f"{folder}: there are keys here already; they stay") from None
        return cls(folder, master)

    @classmethod
    def unlock(cls, folder: Path, passphrase: str) -> "Vault":
        """Return the vault; costs one run of scrypt, about a second by design.

        Raises:
            UsageError: no master key here, or the passphrase does not open it.
        """
        path = folder / f"{MASTER}.age"
        try:
            text = age.decrypt_passphrase(_read(path), passphrase, max_size=MAX_KEY_FILE)
            return cls(folder, *_identities(text))
        except (LakzegelError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: the passphrase does not open it") from error

    @classmethod
    def open(cls, folder: Path, wrapped: Path, identity: age.Identity) -> "Vault":
        """Return the vault whose master key is wrapped for one who logged in.

        Raises:
            UsageError: it is not there, or wrapped for somebody else.
        """
        try:
            text = age.decrypt(_read(wrapped), [identity], max_size=MAX_KEY_FILE)
            return cls(folder, *_identities(text))
        except (LakzegelError, UnicodeDecodeError) as error:
            raise UsageError(f"{wrapped}: is wrapped for somebody else") from error

    def store(self, name: str, secret: bytes) -> None:
        """Keep a secret under a name that was free.

        Raises:
            UsageError: the name is taken.
        """
        sealed = age.encrypt(secret, [self.recipient], random=os.urandom)
        try:
            durable.write_new(self._folder / f"{name}.age", sealed)
        except FileExistsError:
            raise UsageError(f"{name}: there is such a key already; it stays") from None

    def replace(self, name: str, secret: bytes) -> None:
        """Keep a secret instead of what had its name; after a crash it is the old or the new."""
        sealed = age.encrypt(secret, [self.recipient], random=os.urandom)
        durable.write_file(self._folder / f"{name}.age", sealed)

    def destroy(self, name: str) -> None:
        """Delete a secret, durably; of one that is not here nothing is left to do."""
        path = self._folder / f"{name}.age"
        path.unlink(missing_ok=True)
        durable.sync_folders([path])

    def load(self, name: str) -> bytes:
        """Return a secret.

        Raises:
            UsageError: it is not here, or is not this vault's.
        """
        path = self._folder / f"{name}.age"
        try:
            secret = age.decrypt(_read(path), self.masters, max_size=MAX_KEY_FILE)
        except LakzegelError as error:
            raise UsageError(f"{path}: the master key does not open it: {error}") from error
        if name in SYMMETRIC and len(secret) != SYMMETRIC_SIZE:
            raise UsageError(f"{path}: another key lies under that name")
        return secret

    def names(self) -> list[str]:
        """Return the names of the secrets that are here, the master's not among them."""
        return sorted(p.stem for p in self._folder.glob("*.age") if p.stem != MASTER)

    def has(self, name: str) -> bool:
        """Tell whether a secret of that name is here."""
        return (self._folder / f"{name}.age").is_file()

    def signer(self, name: str, expected: VerifierKey) -> SigningKey:
        """Return a signing key that is the one `office.toml` names.

        Raises:
            UsageError: it is not here, or another key lies under that name.
        """
        try:
            key = SigningKey.from_text(self.load(name).decode("ascii"))
        except (LakzegelError, UnicodeDecodeError) as error:
            raise UsageError(f"{self._folder}/{name}.age: not a signing key") from error
        if key.verifier != expected:
            raise UsageError(f"{self._folder}/{name}.age: not the key that office.toml names")
        return key

    def identity(self, name: str) -> age.Identity:
        """Return the private half of a recipient.

        Raises:
            UsageError: it is not here, or another key lies under that name.
        """
        try:
            return age.Identity.from_text(self.load(name).decode("ascii"))
        except (LakzegelError, UnicodeDecodeError) as error:
            text = f"{self._folder}/{name}.age: not the private half of a recipient"
            raise UsageError(text) from error

    def signers(self, names: Sequence[str], expected: Sequence[VerifierKey]) -> list[SigningKey]:
        """Return several signing keys."""
        return [self.signer(name, key) for name, key in zip(names, expected, strict=True)]


def _identities(text: bytes) -> list[age.Identity]:
    return [age.Identity.from_text(line) for line in text.decode("ascii").split("\n")]


def _read(path: Path) -> bytes:
    try:
        with open_followed(path) as file:
            return file.read(MAX_KEY_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the key: {error.strerror}") from error
