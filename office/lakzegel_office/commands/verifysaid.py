# SPDX-License-Identifier: EUPL-1.2
"""What `verify` says, for people and for programs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from lakzegel_core.encoding import format_time
from lakzegel_core.keyringchange import KeyringChange
from lakzegel_core.timetoken import fingerprint
from lakzegel_office.coverage import Coverage
from lakzegel_office.doubts import Doubt
from lakzegel_office.lastverify import Since
from lakzegel_office.proven import DeviceProof, Outside
from lakzegel_office.timestamps import Times
from lakzegel_office.verification import Verification


def as_text(
    found: Verification,
    devices: list[DeviceProof],
    covered: dict[str, Coverage],
    opened: int | None,
    since: Since | None,
) -> Iterator[str]:
    """Yield what people are told, but for the verdict."""
    for device in devices:
        yield str(device)
        if device.device in covered:
            yield from (f"{device.device}: {line}" for line in covered[device.device].lines())
    for doubt in found.doubts:
        yield str(doubt)
    if found.signed is not None:
        size = found.signed.checkpoint.size
        tiles = "every tile" if since is None else "every new tile"
        yield f"log: {size} entries, signed with Ed25519 and ML-DSA-44, {tiles} recomputed"
    said = found.replay.custody.succession if found.replay is not None else None
    if said is not None:
        yield f"log: continues {said.former.origin} after its {said.former.size} entries"
    if found.times.newest is not None:
        yield _time(found.times)
    if opened is not None:
        yield f"opened: {opened} items"
    yield from [] if since is None else since.lines()


def verdict(counted: list[Doubt], since: Since | None) -> str:
    """Return the last line; one that continues says of what it speaks."""
    if counted:
        return f"NOT VERIFIED: {len(counted)} doubts"
    return "VERIFIED" if since is None else f"VERIFIED: what came since {since.at}"


def as_json(
    found: Verification,
    devices: list[DeviceProof],
    covered: dict[str, Coverage],
    *,
    ok: bool,
    opened: int | None,
) -> dict[str, object]:
    """Return the same for a program."""
    signed = found.signed
    return {
        "verified": ok,
        "size": signed.checkpoint.size if signed is not None else None,
        "continues": _continues(found),
        "timestamps": _times(found.times),
        "devices": [
            {
                "device": device.device,
                "custody": device.custody,
                "epochs": [
                    {
                        "epoch": epoch.epoch,
                        "reason": epoch.reason.value,
                        "keys_replaced": epoch.follows,
                        "batches": epoch.batches,
                        "items": epoch.items,
                        "head": epoch.head,
                        "last_closed": format_time(epoch.closed) if epoch.closed else None,
                    }
                    for epoch in device.epochs
                ],
                "not_proven": device.gaps,
                "coverage": covered[device.device].to_json() if device.device in covered else None,
                "findings": device.findings,
                "clock_back": device.clock_back,
                "revoked": device.revoked,
                "witnesses": list(device.outside.witnesses),
                "stamped": _stamped(device.outside),
                "disposals": [_disposal(one.index, one.change) for one in device.disposals.changes],
                "destroyed": device.disposals.destroyed,
            }
            for device in devices
        ],
        "doubts": [doubt.to_json() for doubt in found.doubts],
        "opened": opened,
    }


def _stamped(outside: Outside) -> dict[str, object] | None:
    if outside.time is None:
        return None
    return {"batches": outside.stamped, "time": format_time(outside.time)}


def _disposal(index: int, change: KeyringChange) -> dict[str, object]:
    return {
        "entry": index,
        "at": format_time(change.at),
        "batch": f"{change.device}/{change.epoch}/{change.batch}",
        "generation": change.generation,
        "reason": change.reason,
        "items": list(change.destroyed),
        "certificate": change.certificate.hex() if change.certificate is not None else None,
    }


def _time(times: Times) -> str:
    size, token = times.newest or (0, None)
    if token is None:
        return "time: no token"
    at, root = format_time(datetime.fromtimestamp(token.at, UTC)), fingerprint(token.root)
    return f"time: {times.tokens} tokens; the first {size} entries existed at {at}, by root {root}"


def _times(times: Times) -> dict[str, object] | None:
    if times.newest is None:
        return None
    size, token = times.newest
    return {
        "tokens": times.tokens,
        "size": size,
        "time": format_time(datetime.fromtimestamp(token.at, UTC)),
        "root": fingerprint(token.root),
    }


def _continues(found: Verification) -> dict[str, object] | None:
    said = found.replay.custody.succession if found.replay is not None else None
    if said is None:
        return None
    return {"origin": said.former.origin, "size": said.former.size, "reason": said.reason}
