# SPDX-License-Identifier: EUPL-1.2
"""Who takes part in the log that grows: always the same keys, so that it can be made on."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.item import Place, seal_item
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import EMPTY_ROOT
from lakzegel_core.policy import parse_policy_toml, sign_policy

ORIGIN: Final = "log.example/growth"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(seconds=3)  # between two batches: ten million are a year
GROUP: Final = "all"
KEYRING: Final = b"the keyring of every batch here; nobody opens it\n"
_RECIPIENT: Final = Identity.from_seed(bytes(32)).recipient
_POLICY: Final = f"""serial = 1
audience = ["group:{GROUP}"]
expires = 2027-06-30
recipients = ["{_RECIPIENT.to_text()}"]
"""


def seed(*names: object) -> bytes:
    """The 32 bytes of a name."""
    return hashlib.sha256(" ".join(map(str, ("growth", *names))).encode()).digest()


def key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    """The key of this name."""
    return SigningKey.from_seed(name, algorithm, seed("key", name))


def log_seed() -> bytes:
    """What the log's two keys are made of."""
    return seed("log") + seed("log", 2)


@dataclass(frozen=True)
class Content:
    """The items of every batch: one, of the smallest size that there is."""

    manifest: bytes
    items: bytes
    root: bytes

    @classmethod
    def make(cls) -> "Content":
        """Always the same, so that a header costs no sealing; a receiver could not tell."""
        item = seal_item(
            kind="segment",
            source="mail",
            payload=b"one mail",
            context={},
            place=Place(ORIGIN, "nobody", 0, 0, 0),
            random=bytes,
            compress=lambda data: data,
        )
        return cls(item.entry.to_bytes(), item.ciphertext, contents_root([item.entry]))


class Office:
    """The office's keys and what it publishes."""

    def __init__(self) -> None:
        self.policy = [key("records.example/policy"), key("privacy.example/policy")]
        self.enrolment = key("records.example/enrolment")
        self.token = key(f"{ORIGIN}/token/1")

    @cached_property
    def delegation(self) -> bytes:
        """The first entry."""
        approval = (key("records.example/approval-1"), key("records.example/approval-2"))
        stated = Delegation(
            origin=ORIGIN,
            serial=1,
            policy=tuple(one.verifier for one in self.policy),
            threshold=2,
            enrolment=(self.enrolment.verifier,),
            approval=tuple(one.verifier for one in approval),
            witness=key("records.example/witness", Algorithm.ED25519_COSIGNATURE).verifier,
            mirror=key("records.example/mirror", Algorithm.ED25519_COSIGNATURE).verifier,
            held=key("records.example/held").verifier,
            issued=START,
        )
        return sign_delegation(stated, self.policy)

    @cached_property
    def published(self) -> bytes:
        """The policy of all devices."""
        return sign_policy(ORIGIN, parse_policy_toml(_POLICY), self.policy)

    def admission(self, count: int) -> bytes:
        """Leave for this many devices."""
        expires = START + timedelta(days=400)
        stated = Admission(ORIGIN, self.token.verifier, None, GROUP, count, expires, "term-1")
        return sign_admission(stated, self.enrolment)


class Device:
    """One device: its keys, and the end of its chain."""

    def __init__(self, number: int) -> None:
        self.name = f"laptop-{number}"
        self.key = key(device_key_name(ORIGIN, self.name, 0, "header"))
        self._private = Ed25519PrivateKey.from_private_bytes(self.key.seed)
        self._line = f"\n— {self.key.verifier.name} ".encode()
        self.previous = ""  # base64, of the note before

    def enrolment(self, office: Office, admission: bytes) -> bytes:
        """Its first entry."""
        witness = device_key_name(ORIGIN, self.name, 0, "witness")
        stated = Enrolment(
            origin=ORIGIN,
            device=self.name,
            epoch=0,
            group=GROUP,
            header=self.key.verifier,
            witness=key(witness, Algorithm.ED25519_COSIGNATURE).verifier,
            annex=_RECIPIENT,
            admission=hashlib.sha256(admission).digest(),
            reason=Reason.FIRST,
            previous=None,
            known=None,
            seen_size=0,
            seen_root=EMPTY_ROOT,
            enrolled=START,
        )
        return sign_enrolment(stated, self.key, office.token)

    def moved_on(self, note: bytes) -> None:
        """The note is its newest one."""
        self.previous = b64(hashlib.sha256(note).digest())

    def signed(self, text: bytes) -> bytes:
        """The note of a text: `note.sign` without parsing again what was just made."""
        line = b64(self.key.verifier.key_id + self._private.sign(text)).encode()
        return text + self._line + line + b"\n"
