# SPDX-License-Identifier: EUPL-1.2
"""A device's own keys, a set for each epoch, in files that only the agent can read.

    keys/ledger             32 random bytes in base64: opens the ledger
    keys/header-0           PRIVATE+KEY+<origin>/<device>/0/header+…    signs batches and queries
    keys/witness-0          PRIVATE+KEY+<origin>/<device>/0/witness+…   cosigns checkpoints
    keys/annex-0            AGE-SECRET-KEY-PQ-1…                        opens the policy's annex
    keys/store              what keeps the secret that these are wrapped under; plain without it
    keys/enrolment-0.note   introduces them; written last, so that where it lies the keys lie too

Old epochs' annex keys stay: an annex may have been sealed to one of them. Their header and witness
keys sign nothing any more, and are removed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from lakzegel_agent import durable
from lakzegel_agent.atrest import AtRest
from lakzegel_agent.errors import LedgerDamagedError, UsageError
from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.enrolment import Enrolment, device_key_name, peek_enrolment
from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.limits import MAX_NOTE

T = TypeVar("T")
Random = Callable[[int], bytes]
KEY: Final = 32  # bytes of a seed and of the ledger's key
MAX_KEY_FILE: Final = 4096  # bytes
_NOTE: Final = "enrolment-*.note"


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """The keys of one epoch."""

    header: SigningKey
    witness: SigningKey
    annex: Identity


@dataclass(frozen=True, slots=True)
class Introduction:
    """An enrolment note that this device made, and the keys that it introduces."""

    note: bytes
    enrolment: Enrolment
    keys: DeviceKeys

    @property
    def id(self) -> bytes:
        """The note's id in the log."""
        return hashlib.sha256(self.note).digest()


def make_keys(origin: str, device: str, epoch: int, *, random: Random) -> DeviceKeys:
    """New keys for an epoch; nothing is stored yet."""
    header = device_key_name(origin, device, epoch, "header")
    witness = device_key_name(origin, device, epoch, "witness")
    return DeviceKeys(
        SigningKey.from_seed(header, Algorithm.ED25519, random(KEY)),
        SigningKey.from_seed(witness, Algorithm.ED25519_COSIGNATURE, random(KEY)),
        Identity.from_seed(random(KEY)),
    )


class KeyStore:
    """The keys below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at_rest = AtRest(folder)

    @property
    def keystore(self) -> str:
        """What keeps these keys: "plain", or the name of a key store."""
        return self._at_rest.kind

    def settle(self, wanted: str, *, random: Random) -> None:
        """Have them kept as the setting `keystore` says.

        Raises:
            UsageError: what it names cannot be used; the keys are as they were.
            LedgerDamagedError: the keys cannot be read.
        """
        self._at_rest.settle(wanted, random=random)

    def ledger_key(self, *, random: Random) -> bytes:
        """The key that opens the ledger; made when there is none.

        Raises:
            LedgerDamagedError: the file is there and is no key.
        """
        path = self._folder / "ledger"
        if not path.exists():
            self._write("ledger", b64(random(KEY)))
        return self._parsed(path, lambda text: unb64(text, what="ledger key", size=KEY))

    def has_ledger_key(self) -> bool:
        """Whether a ledger was ever opened here."""
        return (self._folder / "ledger").exists()

    def store(self, note: bytes, keys: DeviceKeys) -> Introduction:
        """Make an epoch's keys durable, then the note that introduces them."""
        found = Introduction(note, peek_enrolment(note), keys)
        epoch = found.enrolment.epoch
        for name, text in (
            ("header", keys.header.to_text()),
            ("witness", keys.witness.to_text()),
            ("annex", keys.annex.to_text()),
        ):
            self._write(f"{name}-{epoch}", text)
        durable.write_file(self._note(epoch), note)
        return found

    def introduction(self, epoch: int) -> Introduction | None:
        """The introduction of an epoch, when it was made here.

        Raises:
            LedgerDamagedError: its files are not what was stored.
        """
        path = self._note(epoch)
        if not path.exists():
            return None
        data = _read(path, MAX_NOTE)
        try:
            enrolment = peek_enrolment(data)
        except LakzegelError as error:
            raise _damaged(path, error) from None
        if enrolment.epoch != epoch:
            raise _damaged(path, f"introduces epoch {enrolment.epoch}")
        return Introduction(data, enrolment, self._keys(epoch, enrolment))

    def newest(self) -> Introduction | None:
        """The introduction of the highest epoch that was prepared here, sent or not."""
        epochs = sorted(self._epochs())
        return self.introduction(epochs[-1]) if epochs else None

    def refused(self, found: Introduction) -> None:
        """Set an introduction aside that the log will never take."""
        path = self._note(found.enrolment.epoch)
        durable.write_file(path.with_name(f"refused-{found.id.hex()[:16]}"), found.note)
        path.unlink()
        durable.sync_folder(self._folder)

    def retire(self, epoch: int) -> None:
        """Remove the header and witness keys of the epochs before this one."""
        old = [p for kind in ("header", "witness") for p in self._folder.glob(f"{kind}-*")]
        gone = [path for path in old if 0 <= _number(path) < epoch]
        for path in gone:
            path.unlink(missing_ok=True)
        if gone:
            durable.sync_folder(self._folder)

    def annex_identities(self) -> tuple[Identity, ...]:
        """Every annex key of this device, newest epoch first."""
        paths = sorted(self._folder.glob("annex-*"), key=_number, reverse=True)
        return tuple(self._parsed(path, Identity.from_text) for path in paths)

    def _keys(self, epoch: int, enrolment: Enrolment) -> DeviceKeys:
        keys = DeviceKeys(
            self._parsed(self._folder / f"header-{epoch}", SigningKey.from_text),
            self._parsed(self._folder / f"witness-{epoch}", SigningKey.from_text),
            self._parsed(self._folder / f"annex-{epoch}", Identity.from_text),
        )
        if (keys.header.verifier, keys.witness.verifier, keys.annex.recipient) != (
            enrolment.header,
            enrolment.witness,
            enrolment.annex,
        ):
            raise _damaged(self._note(epoch), "introduces other keys than lie beside it")
        return keys

    def _epochs(self) -> Iterator[int]:
        for path in self._folder.glob(_NOTE):
            yield _number(path.with_suffix(""))

    def _note(self, epoch: int) -> Path:
        return self._folder / f"enrolment-{epoch}.note"

    def _write(self, name: str, text: str) -> None:
        durable.write_file(self._folder / name, self._at_rest.sealed(name, text))

    def _parsed(self, path: Path, parse: Callable[[str], T]) -> T:
        text = self._at_rest.opened(path.name, _read(path, MAX_KEY_FILE))
        try:
            return parse(text)
        except LakzegelError as error:
            raise _damaged(path, error) from None


def _number(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except PermissionError as error:  # not ours to read is not lost: nothing is set aside for it
        raise UsageError(
            f"keys/{path.name}: {error.strerror}; run this as the user that the agent runs as"
        ) from None
    except OSError as error:
        raise _damaged(path, error.strerror) from None
    if len(data) > limit:
        raise _damaged(path, f"more than {limit} bytes")
    return data


def _damaged(path: Path, why: object) -> LedgerDamagedError:
    return LedgerDamagedError(
        f"keys/{path.name}: {why}; this device's state is lost: run enrol with a new token"
    )
