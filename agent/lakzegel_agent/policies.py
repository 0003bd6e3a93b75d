# SPDX-License-Identifier: EUPL-1.2
"""The policy in force on this device, and when another takes its place (docs/spec/policy.md §4).

It is remembered in the ledger with its annex as it came, sealed to this device's annex key. It is
not judged again when it is read back: a pin that MDM replaced, or an expiry, never stops capture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Protocol

from lakzegel_agent.errors import LedgerDamagedError
from lakzegel_agent.readoutphones import keeps_apps
from lakzegel_agent.scope import tells_accounts
from lakzegel_agent.stores import store_of
from lakzegel_agent.stores.phone import phone_store
from lakzegel_agent.stores.sqlite import Sqlite
from lakzegel_agent.trust import Answer, Pins, open_offer
from lakzegel_core.age import Identity
from lakzegel_core.annex import Annex, EffectiveSource, Phone, effective_sources, open_annex
from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import LakzegelError, PolicyError
from lakzegel_core.policy import Policy, Source, may_apply, peek_policy

NAME: Final = "policy"  # what the ledger remembers it by


class Memory(Protocol):
    """Where named values are kept: the ledger."""

    def remember(self, name: str, value: bytes) -> None:
        """Keep a value durably."""
        ...

    def recall(self, name: str) -> bytes | None:
        """The value that was kept."""
        ...


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy that this device follows: its note, what it says, and this device's annex."""

    note: bytes
    policy: Policy
    annex: Annex | None
    sealed_annex: bytes | None

    @property
    def id(self) -> bytes:
        """The id that every batch's header names."""
        return hashlib.sha256(self.note).digest()

    @property
    def sources(self) -> tuple[EffectiveSource, ...]:
        """The sources with the annex's labels and paths put in."""
        return effective_sources(self.policy, self.annex)

    @property
    def excluded_folders(self) -> tuple[str, ...]:
        """The folders that are not captured."""
        return self.private_folders + self.party_folders

    @property
    def private_folders(self) -> tuple[str, ...]:
        """The agreed folders of class `prive`."""
        return self.annex.folders if self.annex is not None else ()

    @property
    def party_folders(self) -> tuple[str, ...]:
        """The agreed folders of class `partij`."""
        return self.annex.party_folders if self.annex is not None else ()

    @property
    def phones(self) -> tuple[Phone, ...]:
        """Whose phones are whose, in which terms of office."""
        return self.annex.phones if self.annex is not None else ()

    @property
    def begins(self) -> datetime | None:
        """When the term of office began whose device this is."""
        return self.annex.begins if self.annex is not None else None

    @property
    def ends(self) -> datetime | None:
        """When the term of office ends."""
        return self.annex.ends if self.annex is not None else None

    @property
    def correspondents(self) -> tuple[str, ...]:
        """The people with whom alone a conversation is private."""
        return self.annex.correspondents if self.annex is not None else ()


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a policy is judged."""

    device: str
    group: str | None
    identities: Sequence[Identity]


def judge(
    answer: Answer, *, pins: Pins, reader: Reader, current: InForce | None, now: datetime
) -> InForce | None:
    """The policy to put into force; None when the current one stays and nothing is wrong.

    1. The log includes it and enough pinned policy keys signed it.
    2. Its annex for this device is there, is the one it names, and opens.
    3. ``may_apply``: it is for this device, and newer than every one that was applied.
    4. It names a place for every source.
    5. Every narrowing of what is captured is one that this agent can keep to.

    Raises:
        PolicyError: why the current one stays though another is served.
    """
    offer = open_offer_or_refuse(answer, pins)  # 1
    if offer is None:
        return None
    note, policy = offer
    if current is not None and note == current.note:
        return None
    sealed, annex = _annex(policy, answer.annex, reader)  # 2
    may_apply(  # 3
        policy,
        device=reader.device,
        group=reader.group,
        highest_serial=current.policy.serial if current is not None else 0,
        included=True,
        annex_present=annex is not None,
    )
    effective_sources(policy, annex)  # 4
    require_narrowings(policy, annex)  # 5
    if policy.not_before > now:
        return None
    return InForce(note, policy, annex, sealed)


def require_narrowings(policy: Policy, annex: Annex | None) -> None:
    """Return when this agent leaves out everything that the policy wants left out.

    To follow the rest of such a policy would capture what two people signed not to.

    Raises:
        PolicyError: names what it cannot leave out.
    """
    for source in policy.sources:
        if phone_store(store_of(source.kind)) and (not source.apps or source.capture == "raw"):
            raise PolicyError(
                f"policy {policy.serial}: source {source.name}: of a phone's backup name the apps,"
                " and capture their conversations"
            )
        for name in ("accounts", "apps"):
            if name == "accounts" and tells_accounts(source.kind):
                continue
            if name == "apps" and keeps_apps(source.kind, source.apps):
                continue
            if getattr(source, name):
                raise PolicyError(
                    f"policy {policy.serial}: source {source.name}: this agent cannot narrow"
                    f" kind {source.kind} to {name}"
                )
        if annex is not None and annex.correspondents and not knows_people(source):
            raise PolicyError(
                f"policy {policy.serial}: source {source.name}: this agent cannot exclude"
                f" correspondents from kind {source.kind}"
            )


def reader_kind(source: Source) -> str:
    """The kind that a source is read as: a store that is wanted raw is any database."""
    if store_of(source.kind) is not None and source.capture == "raw":
        return Sqlite.kind
    return source.kind


def knows_people(source: Source) -> bool:
    """Whether what is captured of a source says with whom it was."""
    kind = reader_kind(source)
    return store_of(kind) is not None and kind != Sqlite.kind


def open_offer_or_refuse(answer: Answer, pins: Pins) -> tuple[bytes, Policy] | None:
    """The served policy's note and content.

    Raises:
        PolicyError: whatever is wrong with it.
    """
    try:
        offer = open_offer(answer, pins)
    except PolicyError:
        raise
    except LakzegelError as error:
        raise PolicyError(f"the served policy does not hold: {error}") from None
    return None if offer is None else (offer[0].note, offer[1])


def remember(memory: Memory, found: InForce) -> None:
    """Put a policy into force, durably."""
    annex = None if found.sealed_annex is None else b64(found.sealed_annex)
    memory.remember(NAME, json.dumps({"note": b64(found.note), "annex": annex}).encode())


def recall(memory: Memory, reader: Reader) -> InForce | None:
    """The policy in force.

    Raises:
        LedgerDamagedError: what was remembered does not open.
    """
    data = memory.recall(NAME)
    if data is None:
        return None
    try:
        return _opened(data, reader.device, tuple(reader.identities))
    except LakzegelError as error:
        raise LedgerDamagedError(f"the policy in force cannot be read back: {error}") from None


@lru_cache(maxsize=1)  # a process follows one policy, and asks for it in every turn
def _opened(data: bytes, device: str, identities: tuple[Identity, ...]) -> InForce:
    """What was remembered of a policy in force; the same object while nothing changes."""
    row = json.loads(data)
    note = unb64(row["note"], what="policy in force")
    sealed = None if row["annex"] is None else unb64(row["annex"], what="annex in force")
    annex = None
    if sealed is not None:
        annex = open_annex(sealed, identities, device=device)
    return InForce(note, peek_policy(note), annex, sealed)


def is_expired(found: InForce, now: datetime) -> bool:
    """Whether the office should have signed another; capture goes on all the same."""
    return now >= found.policy.expires


def _annex(
    policy: Policy, served: bytes | None, reader: Reader
) -> tuple[bytes | None, Annex | None]:
    wanted = policy.annexes.get(reader.device)
    if wanted is None or served is None:
        return None, None
    if hashlib.sha256(served).digest() != wanted:
        raise PolicyError(f"policy {policy.serial}: the served annex is not the one that it names")
    try:
        return served, open_annex(served, reader.identities, device=reader.device)
    except LakzegelError as error:
        raise PolicyError(f"policy {policy.serial}: its annex does not open: {error}") from None
