# SPDX-License-Identifier: EUPL-1.2
"""A fleet of 500 devices of Dutch ministries, by their pseudonyms, in every condition."""

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lakzegel_core.age import Identity
from lakzegel_core.policy import parse_policy_toml
from lakzegel_server.fleet.model import (
    Arrival,
    Condition,
    DeviceHealth,
    Fleet,
    GuardCount,
    Readout,
    Trouble,
)
from lakzegel_server.fleet.timeline import DayOf, EpochOf, Timeline
from lakzegel_server.pages.conditions import Tone
from lakzegel_server.pages.inforce import AdmissionRow, EndedRow, InForce, PolicyRow
from lakzegel_server.pages.receiverstate import ReceiverState, Voucher
from lakzegel_server.standing import Phase
from lakzegel_server.vitals.certificate import State

NOW = datetime(2026, 11, 30, 8, 41, tzinfo=UTC)
MINISTRIES = ("az", "bz", "bzk", "def", "ez", "fin", "ienw", "jenv", "lvvn", "ocw", "szw", "vws")
GROUPS = ("bewindspersonen", "staatssecretarissen", "bestuursraad", "woordvoering", "secretariaat")
SHARE = {  # devices of 500
    Condition.REVOKED: 3,
    Condition.SILENT: 14,
    Condition.FULL: 2,
    Condition.DRIFTED: 9,
    Condition.CLOCK_OFF: 4,
    Condition.LATE: 11,
    Condition.CERTIFICATE: 7,
    Condition.OLD_VERSION: 16,
    Condition.TROUBLED: 13,
    Condition.CLOSED: 12,
    Condition.EXPECTED: 8,
    Condition.ABSENT: 5,
}
CODES = {
    Condition.REVOKED: "revoked",
    Condition.SILENT: "silent",
    Condition.FULL: "spool-full",
    Condition.DRIFTED: "guard-drifted",
    Condition.CLOCK_OFF: "clock-off",
    Condition.LATE: "late",
    Condition.CERTIFICATE: "certificate-ending",
    Condition.OLD_VERSION: "old-version",
}
OTHERS = ("files-failed", "source-missing", "reader-unknown", "policy-expires")
OVERDUE = "readout-overdue"  # of phones alone
DAYS_AWAY = timedelta(days=9)
GUARDS = (
    "thunderbird-retention",
    "whatsapp-store-timers",
    "signal-timers",
    "mail-filters",
    "mail-accounts",
    "messages-retention",
)
LIMIT = 2 * 2**30


def fleet(count=500, at=NOW, seed=5):
    """Devices by name; the same ones for the same seed."""
    chance = random.Random(seed)
    conditions = [c for c, share in SHARE.items() for _ in range(max(1, share * count // 500))]
    conditions += [Condition.CAPTURING] * (count - len(conditions))
    chance.shuffle(conditions)
    names = [name(place) for place in range(count)]
    devices = [device(n, c, chance, at) for n, c in zip(names, conditions, strict=True)]
    return Fleet(at, tuple(sorted(devices, key=lambda one: one.device)))


def name(place):
    ministry = MINISTRIES[place % len(MINISTRIES)]
    kind = "telefoon" if place % 5 == 4 else "laptop"
    return f"{ministry}-{kind}-{place // len(MINISTRIES) + 1:03}"


def group(name, chance):
    return f"{name.partition('-')[0]}-{chance.choice(GROUPS)}"


def device(name, condition, chance, at):
    if condition is Condition.EXPECTED:
        enrolled = chance.choice((None, at - timedelta(hours=3)))
        of = group(name, chance) if enrolled else None
        return DeviceHealth(name, of, "kabinet-2026", 0, enrolled, condition)
    enrolled = at - timedelta(days=chance.randint(60, 400), minutes=chance.randint(0, 1000))
    heard, newest = times(condition, chance, at)
    phone = "telefoon" in name
    troubles = [trouble(condition, chance, at, since=newest, phone=phone)]
    if condition is Condition.SILENT:
        troubles.append(Trouble("late", newest, 1))
    if condition is Condition.TROUBLED and chance.random() < 0.1:
        troubles = [Trouble("cloned", at - timedelta(hours=5), 1)]
    if condition in {Condition.SILENT, Condition.DRIFTED, Condition.CLOCK_OFF}:
        troubles.append(trouble(Condition.TROUBLED, chance, heard, phone=phone))
    codes = {one.code: one.count for one in troubles if one}
    waiting = spool(condition, chance)
    version = "0.4.2" if condition is Condition.OLD_VERSION else chance.choice(("0.5.0", "0.5.1"))
    found = chance.randint(2_000, 190_000)
    failed = codes.get("files-failed", 0)
    excluded = chance.randint(0, 200)
    return DeviceHealth(
        device=name,
        group=group(name, chance),
        custody="kabinet-2026",
        epoch=chance.choice((0, 0, 0, 1)),
        enrolled=enrolled,
        condition=condition,
        troubles=tuple(sorted({one.code: one for one in troubles if one}.values(), key=by_code)),
        guards=guards(condition, chance),
        readouts=readouts(chance, at, late=OVERDUE in codes) if phone else (),
        newest=arrival(newest, chance),
        heard=heard,
        version=version,
        skew=chance.choice((-1840, 2_915)) if condition is Condition.CLOCK_OFF else 1,
        policy=7,
        spool_batches=waiting[0],
        spool_bytes=waiting[1],
        spool_limit=LIMIT,
        found=found,
        sealed=found - failed - excluded,
        excluded=excluded,
        failed=failed,
        certificate=at + timedelta(days=11 if condition is Condition.CERTIFICATE else 260),
        away=((newest + timedelta(hours=5), newest + DAYS_AWAY),)
        if condition is Condition.ABSENT
        else (),
    )


def by_code(trouble):
    return trouble.code


def trouble(condition, chance, at, since=None, *, phone=False):
    code = CODES.get(condition)
    if condition is Condition.TROUBLED:
        code = chance.choice((*OTHERS, OVERDUE, OVERDUE) if phone else OTHERS)
    if code is None:
        return None
    if condition is Condition.CERTIFICATE:
        since = at + timedelta(days=11 - 30)
    elif condition not in {Condition.SILENT, Condition.LATE}:
        since = at - timedelta(hours=chance.choice((3, 9, 30, 31, 49, 77, 130, 200)))
    return Trouble(code, since, chance.randint(1, 12) if code == "files-failed" else 1)


def times(condition, chance, at):
    """When it was heard of, and when its newest batch came."""
    minutes = timedelta(minutes=chance.randint(1, 14))
    if condition is Condition.SILENT:
        away = at - timedelta(hours=chance.choice((31, 52, 80, 150, 420)), minutes=5)
        return away, away
    if condition is Condition.ABSENT:
        left = at - timedelta(hours=chance.choice((40, 70, 100)), minutes=12)
        return left, left
    if condition is Condition.LATE:
        return at - minutes, at - timedelta(hours=chance.choice((27, 34, 60)))
    if condition in {Condition.CLOSED, Condition.REVOKED}:
        return at - timedelta(days=40), at - timedelta(days=40)
    return at - minutes, at - max(minutes, timedelta(minutes=chance.randint(2, 600)))


def spool(condition, chance):
    if condition is Condition.FULL:
        return 4_120, LIMIT - 1_000_000
    if condition is Condition.LATE:
        return chance.randint(80, 400), chance.randint(40_000_000, 1_700_000_000)
    waiting = chance.choice((0, 0, 0, 1, 2, 5))
    return waiting, waiting * chance.randint(20_000, 900_000)


def arrival(at, chance):
    closed = at - timedelta(seconds=chance.randint(1, 9))
    batch = chance.randint(40, 30_000)
    return Arrival(
        0, batch, batch * 7, at, closed, chance.randint(1, 90), chance.randint(3_000, 4_000_000)
    )


def timeline(device, at=NOW):
    """What came of it in the last five weeks."""
    if device.enrolled is None:
        return None
    chance = random.Random(device.device)
    found, moment = [], device.newest.at if device.newest else device.enrolled
    batch = device.newest.batch if device.newest else -1
    away = {moment.date() - timedelta(days=n) for n in chance.choice(((), (), (9,), (9, 10, 17)))}
    while moment > max(at - timedelta(days=36), device.enrolled) and batch >= 0:
        if moment.date() not in away:
            one = arrival(moment, chance)
            found.append(replace(one, epoch=device.epoch, batch=batch, index=batch * 7))
            batch -= 1
        moment -= timedelta(minutes=chance.randint(15, 400))
    counts = Counter(one.at.date() for one in found)
    days = [at.date() - timedelta(days=n) for n in range(35, -1, -1)]
    awake = {day for day in days if counts[day] or (day in away and chance.random() < 0.5)}
    if device.newest and device.heard > device.newest.at:
        awake |= {day for day in days if device.newest.at.date() < day <= device.heard.date()}
    return Timeline(
        device.device,
        tuple(DayOf(d, counts[d], counts[d] * 13, 0, (), (9,) if d in awake else ()) for d in days),
        tuple(found),
        (),
        epochs(device, device.newest.batch + 1 if device.newest else 0),
    )


def epochs(device, batches):
    """Its sets of keys; a second one where it had to begin anew."""
    first = EpochOf(0, device.enrolled, "first", 12, batches if device.epoch == 0 else 4_410)
    if device.epoch == 0:
        return (first,)
    return (first, EpochOf(1, device.enrolled + timedelta(days=12), "rotated", 3_310, batches))


def guards(condition, chance):
    found = [GuardCount(guard, "compliant", chance.randint(1, 240)) for guard in GUARDS]
    if condition is Condition.DRIFTED:
        found.append(GuardCount(chance.choice(GUARDS), "drifted", chance.randint(1, 3)))
    if chance.random() < 0.3:
        found.append(GuardCount("outlook-rules", "unknown", 1))
    if chance.random() < 0.2:
        found.append(GuardCount("thunderbird-retention", "repaired", 1))
    return tuple(sorted(found, key=lambda one: (one.guard, one.state)))


def readouts(chance, at, *, late):
    due = at + timedelta(days=-2 if late else chance.randint(1, 6))
    return (Readout("telefoon", due.replace(minute=0), late),)


def receiver(at=NOW):
    """How a receiver fares that one timestamp authority let down."""
    ago = [at - timedelta(minutes=n) for n in (1, 2, 55, 200)]
    return ReceiverState(
        origin="log.example/kabinet",
        size=1_204_331,
        signed=ago[0],
        held=1_204_198,
        phase=Phase.SEALING,
        cosigned=("records.example/witness", "witness.example/north"),
        witnesses=(
            Voucher("records.example/witness", 1_204_331, ago[0], None, ""),
            Voucher("witness.example/north", 1_204_331, ago[1], None, ""),
        ),
        authorities=(
            Voucher("tsa-north", 1_203_802, ago[2], None, ""),
            Voucher("tsa-south", 1_199_410, ago[3], ago[2], "unreachable"),
        ),
        free=412_000_000_000,
        disk=2_000_000_000_000,
        failing=(),
        certificate=State(at - timedelta(days=60), at + timedelta(days=305), unread=False),
        certificate_tone=Tone.GOOD,
        visited=ago[0],
        office_tone=Tone.GOOD,
    )


def in_force(at=NOW):
    """What is in force at a ministry in the middle of a term."""
    later, past = at + timedelta(days=21), at - timedelta(days=9)
    return InForce(
        delegation=2,
        threshold=2,
        admissions=[
            admission("5f2c9a01", ("bz-laptop-043", None), 0, 1, later, "can be used"),
            admission("77d0be4c", (None, "vws-bewindspersonen"), 6, 10, later, "can be used"),
            admission("0b81e2f7", ("az-laptop-001", None), 1, 1, past, "used up"),
            admission("c9f4d310", (None, "fin-bestuursraad"), 3, 12, past, "expired"),
        ],
        policies=[
            PolicyRow(7, ("group:bewindspersonen", "group:bestuursraad"), later, 8_890, 412, False),
            PolicyRow(6, ("group:bewindspersonen",), past, 5_110, 9, True),
            PolicyRow(5, ("group:bewindspersonen",), past, 1_204, 0, True),
        ],
        ended=[
            EndedRow("bzk-laptop-013", "bzk-bestuursraad", None, past, (0, 8_112), 91_337),
            EndedRow("ez-laptop-038", "ez-secretariaat", "stolen", past, (1, 441), 92_008),
            EndedRow("lvvn-laptop-035", "lvvn-woordvoering", "lost", past, (0, -1), 92_009),
        ],
    )


def admission(token, whom, used, count, expires, state):
    tone = Tone.GOOD if state == "can be used" else Tone.CALM
    index = 9_000 + int(token, 16) % 900
    return AdmissionRow(token, *whom, used, count, expires, "kabinet-2026", index, tone, state)


POLICY = """
serial = 7
audience = ["group:bewindspersonen"]
expires = 2027-06-30
recipients = ["RECIPIENT"]

[[source]]
name = "Postvak"
kind = "maildir"

[[source]]
name = "telefoon"
kind = "ios-backup"
apps = ["whatsapp", "messages"]
custody = "telefoon-1"

[[readout]]
source = "telefoon"
every = "7d"
"""


def policy(device):
    """What was agreed of a minister's phone."""
    recipient = Identity.from_seed(bytes(32)).recipient.to_text()
    agreed = parse_policy_toml(POLICY.replace("RECIPIENT", recipient))
    return replace(agreed, annexes={device: bytes(32)})
