# SPDX-License-Identifier: EUPL-1.2
"""What a verified log proves of each device, in a line."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from lakzegel_core.encoding import format_time
from lakzegel_core.enrolment import Reason
from lakzegel_office.headers import Change
from lakzegel_office.verification import Verification

_WHY: Final = {
    Reason.FIRST: "",
    Reason.ROTATED: " (keys replaced)",
    Reason.RESTORED: " (restored from an image)",
    Reason.UNREADABLE: " (enrolled anew, its state was gone)",
}


@dataclass(frozen=True, slots=True)
class EpochProof:
    """One epoch: its batches run without a gap from 0 to the head.

    ``follows``: from where the epoch before ended, with nothing between; keys were replaced.
    ``reason`` is why it was opened.
    """

    epoch: int
    batches: int
    items: int
    head: str | None
    closed: datetime | None
    follows: bool = False
    reason: Reason = Reason.FIRST

    def __str__(self) -> str:
        """Return the part of a device's line."""
        name = f"epoch {self.epoch}{_WHY[self.reason]}"
        if self.head is None:
            return f"{name}: no batch"
        return (
            f"{name}: batches 0..{self.batches - 1} in one chain, {self.items} items, "
            f"head {self.head[:16]} closed {self.closed:%Y-%m-%dT%H:%M:%SZ}"
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """What others than the device and the receiver say of its batches.

    ``witnesses``: names that cosigned the newest checkpoint, which holds every batch;
    ``stamped`` of the batches existed at ``time``, by a token of another party.
    """

    witnesses: tuple[str, ...]
    stamped: int
    time: datetime | None

    def __str__(self) -> str:
        """Return the part of a device's line."""
        count = len(self.witnesses)
        said = f"cosigned by {count} witness{'' if count == 1 else 'es'}"
        if self.time is None:
            return f"{said}, no token of time"
        return f"{said}, {self.stamped} batches before {format_time(self.time)}"


@dataclass(frozen=True, slots=True)
class Disposals:
    """Keyrings that two approvers changed, and the items whose keys are gone by that."""

    changes: tuple[Change, ...]

    @property
    def destroyed(self) -> int:
        """Items whose key is gone."""
        changes = [one.change for one in self.changes]
        return len({(c.epoch, c.batch, i) for c in changes for i in c.destroyed})

    @property
    def certificates(self) -> list[str]:
        """The SHA-256 of each certificate that a change names."""
        named = [one.change.certificate for one in self.changes]
        return list(dict.fromkeys(raw.hex() for raw in named if raw is not None))

    def __str__(self) -> str:
        """Return the part of a device's line."""
        count = len(self.certificates)
        named = f"{count} certificate{'' if count == 1 else 's'}"
        return f"{self.destroyed} items destroyed, by {len(self.changes)} changes, {named}"


@dataclass(frozen=True, slots=True)
class DeviceProof:
    """One device."""

    device: str
    epochs: tuple[EpochProof, ...]
    findings: int
    clock_back: int
    revoked: bool
    doubts: int
    outside: Outside
    disposals: Disposals
    custody: str

    @property
    def gaps(self) -> list[str]:
        """What nobody can prove: the time between two epochs, but where keys were replaced."""
        pairs = zip(self.epochs, self.epochs[1:], strict=False)
        return [
            f"coverage between epoch {a.epoch} and {b.epoch}" for a, b in pairs if not b.follows
        ]

    def __str__(self) -> str:
        """Return the line."""
        parts = [str(epoch) for epoch in self.epochs]
        parts += [f"{gap} not proven" for gap in self.gaps]
        if self.gaps:
            parts.append(f"one custody throughout, {self.custody}")
        parts.append(str(self.outside))
        if self.disposals.changes:
            parts.append(str(self.disposals))
        if self.findings:
            parts.append(f"{self.findings} findings")
        if self.clock_back:
            parts.append(f"clock went back {self.clock_back} times")
        if self.revoked:
            parts.append("revoked")
        sealed = "sealed" if not self.doubts else f"{self.doubts} DOUBTS"
        return f"{self.device}: {sealed}; " + "; ".join(parts)


def proven_devices(found: Verification) -> Iterator[DeviceProof]:
    """Yield what is proven of each device, by name."""
    replay = found.replay
    if replay is None:
        return
    newest = found.times.newest
    stamped = Counter[str]() if newest is None else found.stamped.upto(replay, newest[0])
    changes: defaultdict[str, list[Change]] = defaultdict(list)
    for change in replay.changes:
        changes[change.change.device].append(change)
    findings = [f.device for rows in replay.findings.values() for _, f in rows]
    for name in sorted(replay.custody.devices):
        state = replay.custody.devices[name]
        epochs = []
        for epoch in (*state.closed_epochs, state.current):
            head = epoch.head
            batches = head.batch + 1 if head is not None else 0
            items = replay.items[name, epoch.epoch]
            epochs.append(
                EpochProof(
                    epoch.epoch,
                    batches,
                    items,
                    head.id.hex() if head is not None else None,
                    head.closed if head is not None else None,
                    follows=epoch.reason is Reason.ROTATED,
                    reason=epoch.reason,
                )
            )
        yield DeviceProof(
            name,
            tuple(epochs),
            findings.count(name),
            replay.clock_back[name],
            state.revoked,
            sum(1 for d in found.doubts if d.batch is not None and d.batch.split("/")[0] == name),
            _outside(found, stamped[name]),
            Disposals(tuple(changes[name])),
            state.custody,
        )


def _outside(found: Verification, stamped: int) -> Outside:
    """Return who else saw the log, and what a token of time says of a device's batches."""
    names = tuple(sorted({c.key.name for c in found.cosigned}))
    if found.times.newest is None:
        return Outside(names, 0, None)
    _, token = found.times.newest
    return Outside(names, stamped, datetime.fromtimestamp(token.at, UTC))
