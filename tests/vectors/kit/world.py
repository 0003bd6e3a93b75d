# SPDX-License-Identifier: EUPL-1.2
"""One small custody, made of fixed test keys: what most vectors are taken from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

from kit.case import kept
from lakzegel_core import tiles
from lakzegel_core.admission import Admission, sign_admission
from lakzegel_core.age import Identity
from lakzegel_core.batch import Header, Seen, State, batch_id, sign_header
from lakzegel_core.checkpoint import Checkpoint, LogKeys, sign_checkpoint
from lakzegel_core.delegation import Delegation, sign_delegation
from lakzegel_core.encoding import b64
from lakzegel_core.enrolment import Enrolment, Reason, device_key_name, sign_enrolment
from lakzegel_core.item import Place, SealedItem, seal_item
from lakzegel_core.keyring import Keyring, seal_keyring
from lakzegel_core.keys import Algorithm, SigningKey
from lakzegel_core.manifest import contents_root
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_core.policy import Policy, parse_policy_toml, sign_policy

ORIGIN = "log.example/test"
DEVICE = "test-laptop"
GROUP = "test-group"
NOW = datetime(2026, 11, 24, 2, 7, 45, tzinfo=UTC)
COSIGNER = Algorithm.ED25519_COSIGNATURE


def seeded(label: str) -> bytes:
    """32 bytes that everybody can compute; never a secret."""
    return hashlib.sha256(f"lakzegel test key, not secret: {label}".encode()).digest()


def chance(label: str) -> Callable[[int], bytes]:
    """A "random" that always gives the same."""
    counter = iter(range(1000))
    return lambda size: hashlib.shake_256(f"{label} {next(counter)}".encode()).digest(size)


@cache
def key(name: str, algorithm: Algorithm = Algorithm.ED25519) -> SigningKey:
    return SigningKey.from_seed(name, algorithm, seeded(f"{name} {algorithm:d}"))


def device_key(role: str, epoch: int = 0, device: str = DEVICE) -> SigningKey:
    kind = COSIGNER if role == "witness" else Algorithm.ED25519
    return key(device_key_name(ORIGIN, device, epoch, role), kind)


LOG = key(ORIGIN)
LOG_MLDSA = key(ORIGIN, Algorithm.MLDSA44_COSIGNATURE)
LOG_KEYS = LogKeys(LOG.verifier, LOG_MLDSA.verifier)
POLICY_1 = key("records.example/test-policy")
POLICY_2 = key("privacy.example/test-policy")
ENROLMENT = key("records.example/test-enrolment")
APPROVAL_1 = key("records.example/test-approval-1")
APPROVAL_2 = key("records.example/test-approval-2")
WITNESS = key("records.example/test-witness", COSIGNER)
MIRROR = key("records.example/test-mirror", COSIGNER)
HELD = key("records.example/test-held")
TOKEN = key(f"{ORIGIN}/token/5f2c9a01")
TRAIL = key(f"{ORIGIN}/trail")
STRANGER = key("stranger.example/test")
OFFICE = Identity.from_seed(seeded("office recipient"))
ESCROW = Identity.from_seed(seeded("escrow recipient"))
ANNEX = Identity.from_seed(seeded("annex key of the device"))
LOG_INPUTS = tuple(("log", k.to_text()) for k in (LOG.verifier, LOG_MLDSA.verifier))


def vkey(*keys: SigningKey) -> tuple[tuple[str, str], ...]:
    return tuple(("vkey", one.verifier.to_text()) for one in keys)


DELEGATION = Delegation(
    origin=ORIGIN,
    serial=1,
    policy=(POLICY_1.verifier, POLICY_2.verifier),
    threshold=2,
    enrolment=(ENROLMENT.verifier,),
    approval=(APPROVAL_1.verifier, APPROVAL_2.verifier),
    witness=WITNESS.verifier,
    mirror=MIRROR.verifier,
    held=HELD.verifier,
    issued=NOW,
)
ADMISSION = Admission(ORIGIN, TOKEN.verifier, None, GROUP, 2, NOW + timedelta(days=68), "2026-2030")
DELEGATION_NOTE = sign_delegation(DELEGATION, [POLICY_1, POLICY_2])
ADMISSION_NOTE = sign_admission(ADMISSION, ENROLMENT)
ADMISSION_ID = hashlib.sha256(ADMISSION_NOTE).digest()


def enrolment(*before: bytes, **changes: object) -> Enrolment:
    """An enrolment that has seen the entries before it."""
    epoch = int(str(changes.get("epoch", 0)))
    device = str(changes.get("device", DEVICE))
    fields = {
        "origin": ORIGIN,
        "device": device,
        "epoch": epoch,
        "group": GROUP,
        "header": device_key("header", epoch, device).verifier,
        "witness": device_key("witness", epoch, device).verifier,
        "annex": ANNEX.recipient,
        "admission": ADMISSION_ID,
        "reason": Reason.FIRST,
        "previous": None,
        "known": None,
        "seen_size": len(before),
        "seen_root": root_of([leaf_hash(entry) for entry in before]),
        "enrolled": NOW,
    }
    return Enrolment(**{**fields, **changes})


ENROLMENT_NOTE = sign_enrolment(
    enrolment(DELEGATION_NOTE, ADMISSION_NOTE), device_key("header"), TOKEN
)

TOML = f"""serial = 7
audience = ["group:{GROUP}"]
not_before = 2026-11-01
expires = 2027-06-30
recipients = ["{OFFICE.recipient.to_text()}"]
cadence = "15m"
release = "held"

[[source]]
name = "s1"
kind = "maildir"
settle = "2s"
accounts = ["minister@test.example"]

[[source]]
name = "s2"
kind = "ios-backup"
apps = ["whatsapp", "messages"]
capture = "conversations"
custody = "telefoon-1"

[[readout]]
source = "s2"
every = "7d"
window = "Fri 17:00-20:00"

[guards]
default = "report"
thunderbird-retention = "enforce"

[limits]
batch = "16 MiB"
spool = "2 GiB"

[quorum]
witnesses = ["{WITNESS.verifier.to_text()}"]
threshold = 1

[annex]
{DEVICE} = "{b64(bytes(32))}"
"""


def policy(toml: str = TOML) -> Policy:
    return parse_policy_toml(toml)


POLICY_NOTE = sign_policy(ORIGIN, policy(), [POLICY_1, POLICY_2])
POLICY_ID = hashlib.sha256(POLICY_NOTE).digest()

PAYLOADS = (
    ("segment", b"From: burger@test.example\n\nGoedemorgen.\n", {"path": "cur/1.eml"}),
    ("observation", b'{"type":"start"}', {}),
)
FILE = "0123456789abcdef0123456789abcdef"


def seal(index: int, kind: str, payload: bytes, context: dict, **place: object) -> SealedItem:
    more = {"file": FILE, "mtime": "1700000000000000001"} if kind != "observation" else {}
    where = {"origin": ORIGIN, "device": DEVICE, "epoch": 0, "batch": 0, "index": index}
    return seal_item(
        kind=kind,
        source="mail",
        payload=payload,
        context={"seen": "2026-11-24T02:07:45Z", **more, **context},
        place=Place(**{**where, **place}),
        random=chance(f"item {index} {kind} {sorted(place.items())}"),
        compress=lambda data: data,
    )


@cache
def items() -> tuple[SealedItem, ...]:
    return tuple(seal(i, *what) for i, what in enumerate(PAYLOADS))


@cache
def keyring() -> Keyring:
    entries = [item.entry for item in items()]
    slots = tuple(item.key for item in items())
    return Keyring(ORIGIN, DEVICE, 0, 0, len(slots), contents_root(entries), slots)


@cache
def keyring_file() -> bytes:
    made = kept("keyring-file/two-recipients")
    recipients = [OFFICE.recipient, ESCROW.recipient]
    return made or seal_keyring(keyring(), recipients, random=chance("keyring"))


def header(*before: bytes, **changes: object) -> Header:
    """The first batch's header, or another one."""
    fields = {
        "origin": ORIGIN,
        "device": DEVICE,
        "epoch": 0,
        "batch": 0,
        "previous": hashlib.sha256(ENROLMENT_NOTE).digest(),
        "seen": Seen(len(before), root_of([leaf_hash(entry) for entry in before])),
        "closed": NOW + timedelta(minutes=15),
        "items": len(items()),
        "contents": keyring().contents,
        "keyring": hashlib.sha256(keyring_file()).digest(),
        "policy": POLICY_ID,
        "state": State.OPEN,
    }
    return Header(**{**fields, **changes})


@cache
def log() -> tuple[bytes, ...]:
    """The log's entries: delegation, admission, enrolment, policy, two batches."""
    entries = [DELEGATION_NOTE, ADMISSION_NOTE, ENROLMENT_NOTE, POLICY_NOTE]
    entries.append(sign_header(header(*entries), device_key("header")))
    entries.append(sign_header(second(*entries), device_key("header")))
    return tuple(entries)


def second(*before: bytes, **changes: object) -> Header:
    """The batch after the first."""
    fields = {"batch": 1, "previous": batch_id(before[4]), "closed": NOW + timedelta(minutes=30)}
    return header(*before, **{**fields, **changes})


def reader(size: int | None = None) -> tiles.HashReader:
    entries = log()[:size]
    files = tiles.new_tiles(0, entries, lambda _: b"").files
    return tiles.HashReader(len(entries), files.__getitem__)


@cache
def checkpoint(size: int) -> bytes:
    """The log's own two signatures over it; ML-DSA's differ every time, so they are kept."""
    tree = Checkpoint(ORIGIN, size, reader(size).root())
    made = kept(f"checkpoint/size-{size}")
    now = int(NOW.timestamp()) + 60 * size
    return made or sign_checkpoint(tree, LOG, LOG_MLDSA, now=now)
