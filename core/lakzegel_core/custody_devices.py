# SPDX-License-Identifier: EUPL-1.2
"""How a device moves on: by an epoch, by a batch (docs/spec/epochs.md)."""

from __future__ import annotations

from dataclasses import replace

from lakzegel_core.batch import Header, State
from lakzegel_core.custody_state import DeviceState, EpochState, HeadState
from lakzegel_core.enrolment import Enrolment


def send(device: DeviceState, header: Header, batch_id: bytes, index: int) -> None:
    """Take in the device's next header, which was checked."""
    head = HeadState(header.batch, batch_id, header.closed, index)
    device.current = replace(device.current, head=head)
    device.final = header.state is State.FINAL


def enrol(
    devices: dict[str, DeviceState],
    found: Enrolment,
    enrolment_id: bytes,
    *,
    custody: str,
    index: int,
) -> None:
    """Take in a new device, or the next epoch of a known one."""
    device = devices.get(found.device)
    epoch = EpochState(
        epoch=found.epoch,
        enrolment_id=enrolment_id,
        header_key=found.header,
        witness_key=found.witness,
        annex=found.annex,
        index=index,
        reason=found.reason,
        enrolled=found.enrolled,
    )
    if device is None:
        devices[found.device] = DeviceState(found.device, found.group, custody, epoch)
        return
    if found.reason.by_old_key:
        epoch = replace(epoch, inherited=device.current.inherited + 1)
    device.closed_epochs.append(device.current)
    device.current = epoch
