# SPDX-License-Identifier: EUPL-1.2
"""A rich custody for reports: two devices over two months, gaps, drift, an overdue read-out."""

import hashlib
from datetime import datetime, timedelta

from lakzegel_core.batch import batch_id, peek_header
from lakzegel_core.encoding import format_time
from lakzegel_core.entries import kind_of
from lakzegel_core.hold import Mark, sign_mark


def seal_months(world, dispose, *, days=61):
    """Have a laptop and a host of phones seal what they would in so many days; pull it.

    A hold was placed, and two items were destroyed; a third device never sealed anything.
    """
    laptop, host = world.enrol("minister-laptop"), world.enrol("leeshost-1")
    world.receiver.now = begin = world.receiver.now.replace(hour=8)
    world.pull()
    for day in range(days):
        at = begin + timedelta(days=day)
        world.receiver.now = at + timedelta(hours=20)
        if day not in range(23, 26):
            _laptop_day(laptop, at, day)
        if day % 7 == 5:
            _host_week(host, at, day)
        if day % 20 == 0:
            world.pull()
        if day == 41:
            _hold(world, "woo-2026-17")
    dispose(_first(laptop), 1, 2, certificate=hashlib.sha256(b"certificate").digest())
    world.pull()
    return laptop, host


def _first(device):
    records = [peek_header(e) for e in device.receiver.log if kind_of(e) == "batch"]
    return next(
        n for n, h in zip(_batches(device), records, strict=True) if h.device == device.name
    )


def _batches(device):
    return [batch_id(e).hex() for e in device.receiver.log if kind_of(e) == "batch"]


def _hold(world, name):
    mark = Mark("hold", world.config.origin, name, "on", None, world.receiver.now)
    key = world.vault.signer("approval-1", world.config.keys["approval-1"])
    world.receiver.append(sign_mark(mark, key))


def _laptop_day(laptop, at, day):
    night = {"from": format_time(at + timedelta(hours=13)), "why": "asleep", "seconds": 39_600}
    night["to"] = format_time(at + timedelta(hours=24))
    off = [night]
    if day in {11, 12, 40}:
        begin, end = at + timedelta(hours=1), at + timedelta(hours=6 if day != 12 else 23)
        row = {"from": format_time(begin), "to": format_time(end), "why": "killed"}
        off.append({**row, "seconds": int((end - begin).total_seconds())})
    sealed = 40 + 23 * day
    mail = {"other-account": 12 + day, "excluded-folder": 30}
    rows = [
        source("mail", sealed + sum(mail.values()), sealed, mail, {}),
        source("whatsapp", 61 + day, 60 + day, {}, {"unreadable": 1}),
        source("social", 4, 4, {}, {}),
        source("signal", 0, 0, {}, {}, covered=day > 33, why="" if day > 33 else "no-key"),
    ]
    items = [_attested(laptop, at, at + timedelta(days=1), off, rows, 0)]
    number = 2 + (day * 7) % 5 if at.weekday() < 5 else 1
    items += _captures(laptop, "mail", "maildir", number, len(items))
    if day % 7 == 2:
        items += _captures(laptop, "whatsapp", "whatsapp-export", 2 + day % 5, len(items))
    if day == 30:
        items += _captures(laptop, "social", "social-export", 2, len(items))
    items += [laptop.observation(one, source="device", index=len(items) + n)
              for n, one in enumerate(_drifts(at, day))]  # fmt: skip
    laptop.send(items)


def _host_week(host, at, day):
    rows = [source("phone/telefoon-1", 48_300 + day, 90 + day, {"not-in-scope": 48_210}, {})]
    items = [_attested(host, at - timedelta(days=6), at + timedelta(days=1), [], rows, 0)]
    if day < 45:
        items.append(host.observation(_readout(at, day), source="phone/telefoon-1", index=1))
        items += _captures(host, "phone/telefoon-1", "whatsapp-ios", 6, len(items))
    if day == 54:
        due = {"type": "readout-overdue", "due": format_time(at), "why": ""}
        items.append(host.observation(due, source="phone/telefoon-1", index=len(items)))
    host.send(items)


def source(label, found, sealed, excluded, failed, *, covered=True, why=""):
    """A source's row in an attestation."""
    return {
        "source": label, "covered": covered, "why": why, "found": found, "sealed": sealed,
        "excluded": sum(excluded.values()), "failed": sum(failed.values()),
        "reasons": {"excluded": excluded, "failed": failed}, "passes": 90, "looked": None,
    }  # fmt: skip


def _attested(device, since, until, off, sources, index):
    value = {
        "type": "attestation", "since": format_time(since), "until": format_time(until),
        "more": 0, "off": off, "steps": [], "sources": sources,
    }  # fmt: skip
    return device.observation(value, source="device", index=index)


def _captures(device, source, reader, count, first):
    device.reader, items = reader, []
    for n in range(count):
        path = f"cur/{device.batch}-{n}"
        items += device.file_items(path, [b"x" * 400 * (n + 1)], source=source,
                                   first=first + len(items))  # fmt: skip
    device.reader = "folder"
    return items


def _drifts(at, day):
    if day in {0, 18, 22, 47}:
        state = {0: "compliant", 18: "drifted", 22: "compliant", 47: "unknown"}[day]
        begin = format_time(at - timedelta(days=2))
        risk = {18: (begin, None), 22: (begin, at), 47: (begin, None)}.get(day)
        yield _guard("thunderbird-retention", [15], "enforce", state, risk, "by-age")
    if day == 0:
        yield _guard("private-domains", [9, 10], "report", "compliant", None, "")
        yield _guard("whatsapp-export-timers", [15], "report", "drifted", (None, None), "timer-on")
    if day == 20:
        yield {"type": "vanished", "files": [{"file": "0" * 32, "path": "cur/1"}]}
        yield {"type": "readiness", "sources": [], "apps": ["telegram-desktop"]}


def _guard(name, rows, mode, state, risk, reason):
    def moment(value):
        return format_time(value) if isinstance(value, datetime) else value

    at_risk = None if risk is None else {"from": moment(risk[0]), "until": moment(risk[1])}
    return {
        "type": "guard", "guard": name, "mode": mode, "rows": rows, "subject": "a/server1",
        "state": state, "reason": reason if state != "compliant" else "", "before": None,
        "after": None, "at_risk": at_risk,
    }  # fmt: skip


def _readout(at, day):
    app = {
        "app": "whatsapp", "complete": True, "why": "", "conversations": 12 + day // 7,
        "private": 1, "failed": 0, "messages": 3_400 + 60 * day, "media": 80, "absent": 2,
        "from": "2026-07-01", "until": at.date().isoformat(),
    }  # fmt: skip
    return {
        "type": "readout", "custody": "telefoon-1", "backup": format_time(at),
        "read": format_time(at + timedelta(hours=1)), "complete": day != 26, "left_out": 48_211,
        "apps": [app],
    }  # fmt: skip
