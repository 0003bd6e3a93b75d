# SPDX-License-Identifier: EUPL-1.2
"""The end of a period: everything sealed anew without what was destroyed, then its keys destroyed.

docs/spec/disposal.md §7. One person stages and signs (`rewrap`), a second one signs and erases.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from lakzegel_core import age, limits
from lakzegel_core.errors import DecryptError, LakzegelError
from lakzegel_core.followed import followed
from lakzegel_core.keyring import open_keyring, seal_keyring
from lakzegel_core.keyringchange import KeyringChange, sign_keyring_change
from lakzegel_office import durable
from lakzegel_office.checkpoints import replay_mirror
from lakzegel_office.commands.common import Office, as_now
from lakzegel_office.commands.evidence import trail_of
from lakzegel_office.destroying.approvers import approver_key
from lakzegel_office.destroying.changes import Changes
from lakzegel_office.destroying.deed import Done, execution
from lakzegel_office.destroying.lists import ERASED, WITHDRAWN, DestructionList, Lists
from lakzegel_office.destroying.staging import folder_of
from lakzegel_office.destroying.withdrawing import keep_execution
from lakzegel_office.errors import UsageError
from lakzegel_office.extracts import MAX_EXTRACT, MAX_SEALED
from lakzegel_office.headers import HeaderRecord, place_of
from lakzegel_office.keys.periodkeys import (
    Erasure,
    PeriodKey,
    devices_behind,
    erase_private_keys,
    period_keys,
)
from lakzegel_office.keys.periods import Period, State, recipients_digest
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.replay import Replay, keyring_of
from lakzegel_office.transport import Receiver

REWRAP: Final = "rewrap"


class Eraser:
    """Ends one period; whoever calls holds the home."""

    def __init__(self, office: Office, period: Period, random: Callable[[int], bytes]) -> None:
        """Keep the office and the period."""
        self._office = office
        self._period = period
        self._random = random
        self._folder = office.home.disposals / f"{REWRAP}-{period.name}"
        self._mirror = Mirror(office.home.mirror)

    def stage(self, now: datetime) -> int:
        """Seal each keyring that the period's keys open anew, sign for it; return how many.

        Raises:
            UsageError: the period is the open one, or a policy in force names it.
        """
        replay = self._replayed()
        target = self._target(replay)
        key = approver_key(self._office, replay)
        self._tell(REWRAP, now)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        count = 0
        for record, opener in self._needing(replay):
            data = read_limited(self._mirror.keyring(record.batch_id), limits.MAX_KEYRING)
            ring = open_keyring(data, [opener.identity])
            sealed = seal_keyring(ring, target.in_order, random=self._random)
            known = replay.custody.keyrings.get(place_of(record))
            change = KeyringChange(
                origin=ring.origin,
                device=ring.device,
                epoch=ring.epoch,
                batch=ring.batch,
                old=hashlib.sha256(data).digest(),
                new=hashlib.sha256(sealed).digest(),
                generation=(known[0] if known else 0) + 1,
                reason=REWRAP,
                recipients=recipients_digest(target.in_order),
                destroyed=(),
                certificate=None,
                at=now,
            )
            durable.write_file(self._folder / f"{record.batch_id}.keyring", sealed)
            note = sign_keyring_change(change, [key])
            durable.write_file(self._folder / f"{record.batch_id}.note", note)
            count += 1
        return count

    def erase(
        self, receiver: Receiver, pull: Callable[[], object], now: datetime
    ) -> tuple[Erasure, list[int]]:
        """Send what was staged, destroy the period's keys; return that, and lists now final.

        Raises:
            UsageError: a keyring or a policy in force still needs the period's keys.
            DoubtError, UnreachableError: not all of it is done; run it again.
        """
        pull()
        replay = self._replayed()
        if self._period.state is not State.ERASED:
            target = self._target(replay)
            changes = Changes(self._office, self._folder, receiver)
            changes.send(replay, f"period {self._period.name}")
            pull()
            replay = self._replayed()
            changes.attest(replay)
            left = sum(1 for _ in self._needing(replay))
            if left:
                text = f"period {self._period.name}: {left} keyrings still need its keys"
                raise UsageError(f"{text}; run: lakzegel-office destroy rewrap")
            self._reseal(target)
            changes.conclude()
        self._tell("erase", now)
        config, vault = self._office.config, self._office.vault
        _, erasure = erase_private_keys(self._office.home, config, vault, self._period, now=now)
        return erasure, self._conclude(replay, erasure, now)

    def _replayed(self) -> Replay:
        return replay_mirror(self._mirror, self._office.config)

    def _target(self, replay: Replay) -> Period:
        periods = self._office.config.periods
        for entry in followed(replay.custody).values():
            if self._period in periods.of(entry.policy.recipients):
                text = f"period {self._period.name}: a policy in force names it"
                raise UsageError(f"{text}; publish one with the newest recipients first")
        if behind := devices_behind(replay, self._period):
            text = f"period {self._period.name}: {', '.join(behind)} sealed last under a policy"
            raise UsageError(f"{text} that names it; what follows would be lost: wait, or revoke")
        return periods.rewrap_target(self._period)

    def _keys(self) -> list[PeriodKey]:
        """Return the period's private halves that are here."""
        found = period_keys(self._office.vault, self._office.config.periods)
        return [key for key in found if key.period.name == self._period.name]

    def _needing(self, replay: Replay) -> Iterator[tuple[HeaderRecord, PeriodKey]]:
        """Yield each batch whose keyring in force one of the period's keys opens."""
        keys = self._keys()
        for record in replay.accepted:
            path = self._mirror.keyring(record.batch_id)
            data = read_limited(path, limits.MAX_KEYRING)
            if hashlib.sha256(data).digest() != keyring_of(replay, record):
                raise UsageError(f"batch {record.name}: its keyring is not the one in force; pull")
            for key in keys:
                try:
                    open_keyring(data, [key.identity])
                except LakzegelError:  # not by this key, or no keyring: a finding says so
                    continue
                yield record, key
                break

    def _reseal(self, target: Period) -> None:
        """Seal extracts and annexes anew that the period's keys open."""
        identities = [key.identity for key in self._keys()]
        for path in sorted(self._office.home.disposals.glob("*/*.age")):
            try:
                plain = age.decrypt(
                    read_limited(path, MAX_SEALED), identities, max_size=MAX_EXTRACT
                )
            except DecryptError:
                continue
            durable.write_file(path, age.encrypt(plain, target.in_order, random=self._random))

    def _conclude(self, replay: Replay, erasure: Erasure, now: datetime) -> list[int]:
        """Write down which lists are final: no key is left that opens any copy."""
        office = as_now(self._office)
        erased = {p.name for p in office.config.periods.all if p.state is State.ERASED}
        lists = Lists(office)
        final = []
        for found in lists.all().values():
            if found.state == WITHDRAWN and set(found.periods) <= erased:
                folder = folder_of(office.home, found.number, found.round)
                said = execution(found, ERASED, now, _done(replay, found), (), erasure.copies)
                files = keep_execution(folder, said, now)
                lists.say(found.number, ERASED, now, files=files)
                final.append(found.number)
        return final

    def _tell(self, act: str, now: datetime) -> None:
        trail_of(self._office).record(act, {"period": self._period.name}, now=now)


def _done(replay: Replay, found: DestructionList) -> Iterator[Done]:
    """Yield the log's entries of a list that was withdrawn, as the journal has them."""
    wanted = {(batch, entry): note for batch, entry, note, _ in found.entries}
    for row in replay.changes:
        change = row.change
        name = f"{change.device}/{change.epoch}/{change.batch}"
        if (name, row.index) in wanted:
            note = wanted[name, row.index]
            yield Done(name, change.generation, row.index, note, change.at)
