# SPDX-License-Identifier: EUPL-1.2
"""A custody with thousands of devices: a real DATA, real keys, real notes, made in half a minute.

DATA is made by `lakzegel-server init`. Enrolments go into its log before it serves, by the road of
entries that a log had before: each is checked by the custody, a thousand share one transaction.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity, Recipient
from lakzegel_core.batch import Seen
from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_server.layout import Layout
from lakzegel_server.logsigner import load_log_keys, load_signer
from lakzegel_server.logstate import LogState

GROUP: Final = "load"
CHUNK: Final = 1_000  # enrolments a transaction
SECRET: Final = 32
FILE: Final = "fleet.json"


@dataclass(slots=True)
class Device:
    """One simulated device: its key, and where its chain is."""

    name: str
    header: SigningKey
    previous: bytes
    batch: int = 0

    def kept(self) -> dict[str, Any]:
        """Everything of it, for another run."""
        seed = b64(self.header.seed)
        return {"name": self.name, "seed": seed, "head": b64(self.previous), "batch": self.batch}


@dataclass(slots=True)
class Fleet:
    """The devices of one log, and what they need to seal into it."""

    origin: str
    keys: LogKeys
    seen: Seen
    recipients: tuple[Recipient, ...]
    devices: list[Device] = field(repr=False)

    @classmethod
    def make(cls, data: Path, count: int) -> Self:
        """Enrol so many devices in the log of a DATA that `init` made."""
        layout = Layout(data)
        signer = load_signer(layout)
        log = LogState.open(layout, signer, clock=time.time)
        try:
            admission, token = _begin(log)
            seen = Seen(log.shown.checkpoint.size, log.shown.checkpoint.root)
            devices = list(_enrol(log, count, admission, token, seen))
            log.append([])  # shows what was taken over
            shown = log.shown.checkpoint
        finally:
            log.close()
        escrowed = tuple(Identity.from_seed(os.urandom(SECRET)).recipient for _ in range(2))
        return cls(log.origin, log.keys, Seen(shown.size, shown.root), escrowed, devices)

    def keep(self, folder: Path) -> None:
        """Write down secrets and heads, so that another run can go on."""
        kept = {
            "seen": [self.seen.size, b64(self.seen.root)],
            "recipients": [one.to_text() for one in self.recipients],
            "devices": [one.kept() for one in self.devices],
        }
        path = folder / FILE
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What an earlier run kept, beside the DATA that it is of."""
        keys = load_log_keys(Layout(folder / "data"))
        kept = json.loads((folder / FILE).read_text())
        size, root = kept["seen"]
        found = cls(
            keys.origin,
            keys,
            Seen(size, unb64(root, what="root")),
            tuple(Recipient.from_text(one) for one in kept["recipients"]),
            [],
        )
        found.devices = [_device(keys.origin, one) for one in kept["devices"]]
        return found


def _device(origin: str, kept: dict[str, Any]) -> Device:
    name = device_key_name(origin, kept["name"], 0, "header")
    key = SigningKey.from_seed(name, Algorithm.ED25519, unb64(kept["seed"], what="seed"))
    return Device(kept["name"], key, unb64(kept["head"], what="head"), kept["batch"])


def _begin(log: LogState) -> tuple[bytes, SigningKey]:
    """Who may do what, and leave to enrol: the admission's note, and its token."""
    office = [_key(f"records.example/{name}") for name in ("policy", "enrolment", "held")]
    privacy, approval = _key("privacy.example/policy"), _key("records.example/approval")
    cosigners = [
        _key(f"records.example/{name}", Algorithm.ED25519_COSIGNATURE).verifier
        for name in ("witness", "mirror")
    ]
    policy, enrolment, held = office
    now = _now()
    delegation = Delegation(
        origin=log.origin,
        serial=1,
        policy=(policy.verifier, privacy.verifier),
        threshold=2,
        enrolment=(enrolment.verifier,),
        approval=(approval.verifier,),
        witness=cosigners[0],
        mirror=cosigners[1],
        held=held.verifier,
        issued=now,
    )
    token = _key(f"{log.origin}/token/{os.urandom(4).hex()}")
    expires = now + timedelta(days=90)
    admission = Admission(log.origin, token.verifier, None, GROUP, 1_000_000, expires, "load")
    signed = sign_admission(admission, enrolment)
    for outcome in log.append([sign_delegation(delegation, [policy, privacy]), signed]):
        if isinstance(outcome, Exception):
            raise outcome
    return signed, token


def _enrol(
    log: LogState, count: int, admission: bytes, token: SigningKey, seen: Seen
) -> Iterator[Device]:
    leave = hashlib.sha256(admission).digest()
    for start in range(0, count, CHUNK):
        made = [
            _enrolled(log.origin, f"device-{number}", leave, token, seen)
            for number in range(start, min(start + CHUNK, count))
        ]
        log.take_over([note for note, _ in made])
        yield from (device for _, device in made)


def _enrolled(
    origin: str, name: str, admission: bytes, token: SigningKey, seen: Seen
) -> tuple[bytes, Device]:
    header = _key(device_key_name(origin, name, 0, "header"))
    witness = _key(device_key_name(origin, name, 0, "witness"), Algorithm.ED25519_COSIGNATURE)
    enrolment = Enrolment(
        origin=origin,
        device=name,
        epoch=0,
        group=GROUP,
        header=header.verifier,
        witness=witness.verifier,
        annex=Identity.from_seed(os.urandom(SECRET)).recipient,
        admission=admission,
        reason=Reason.FIRST,
        previous=None,
        known=None,
        seen_size=seen.size,
        seen_root=seen.root,
        enrolled=_now(),
    )
    note = sign_enrolment(enrolment, header, token)
    return note, Device(name, header, hashlib.sha256(note).digest())


def _key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    return SigningKey.from_seed(name, algorithm, os.urandom(SECRET))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
