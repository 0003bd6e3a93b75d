# SPDX-License-Identifier: EUPL-1.2
"""A policy on its way to its signatures: checked, compared, its annexes sealed into it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import ndiff
from typing import Final

from lakzegel_core import note
from lakzegel_core.age import Recipient
from lakzegel_core.annex import Annex, effective_sources, seal_annex
from lakzegel_core.encoding import b64, format_time
from lakzegel_core.keys import SigningKey, VerifierKey
from lakzegel_core.policy import Policy, parse_policy_text, parse_policy_toml
from lakzegel_core.shipping import Shipping
from lakzegel_core.windows import DAYS, Hours
from lakzegel_office.config import Config
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.periods import RECORDS, Period, State

NOTHING: Final = "no policy is in force"
_DAY: Final = 24 * 60  # minutes


def with_annexes(
    toml: str,
    annexes: Mapping[str, tuple[Annex, Recipient]],
    random: Callable[[int], bytes],
    readers: Sequence[Recipient] = (),
) -> tuple[str, dict[str, bytes]]:
    """Return the TOML with an `[annex]` table, and the sealed annex of each device.

    Args:
        toml: the policy without such a table.
        annexes: for each device its annex and its annex key.
        random: gives random bytes.
        readers: who must be able to read it besides: the privacy officers who sign it.

    Raises:
        UsageError: the TOML has the table already.
        PolicyError: policy or annex is not valid, or they do not fit each other.
    """
    policy = parse_policy_toml(toml)
    if policy.annexes:
        raise UsageError("the policy has an [annex] table; --annex writes it")
    sealed = {}
    for device, (annex, key) in annexes.items():
        effective_sources(policy, annex)
        recipients = list(dict.fromkeys((key, *policy.recipients, *readers)))
        sealed[device] = seal_annex(annex, recipients, random=random)
    rows = [f'"{name}" = "{b64(hashlib.sha256(sealed[name]).digest())}"' for name in sorted(sealed)]
    text = toml.rstrip("\n") + "\n\n[annex]\n" + "\n".join(rows) + "\n"
    parse_policy_toml(text)
    return text, sealed


def check_draft(policy: Policy, config: Config, in_force: Policy | None, now: datetime) -> None:
    """Return when this office may sign the policy.

    Raises:
        UsageError: the office could not open what it captures, or no device would apply it.
    """
    check_recipients(policy, config)
    if policy.expires <= now:
        raise UsageError(f"policy: expires {format_time(policy.expires)}, which is past")
    if in_force is not None and policy.serial <= in_force.serial:
        raise UsageError(
            f"policy: serial {policy.serial} is not above {in_force.serial}, which is in force"
        )
    for source in policy.sources:
        if source.path is None and not policy.annexes:
            raise UsageError(f"policy: source {source.name} has no path and there is no annex")
    for one in policy.elsewhere:
        if one.until <= now:
            raise UsageError(
                f"policy: elsewhere {one.app}: until {format_time(one.until)}, which is past"
            )


def check_recipients(policy: Policy, config: Config) -> Period:
    """Return the one open period that a policy names (docs/spec/office-keys.md §1).

    Raises:
        UsageError: it names none, or one that is over, or several.
    """
    named = config.periods.of(policy.recipients)
    for period in named:
        if period.state is not State.OPEN:
            raise UsageError(
                f"policy: recipients has a key of period {period.name}, which is {period.state};"
                " see [recipients] in office.toml"
            )
    if len(named) > 1:
        raise UsageError("policy: recipients are of more than one organisation")
    if not named or named[0].recipients[RECORDS] not in policy.recipients:
        raise UsageError("policy: recipients lacks this office's records key; see office.toml")
    return named[0]


def add_signature(data: bytes, first: VerifierKey, second: SigningKey) -> tuple[bytes, Policy]:
    """Return a half-signed policy note with its second signature, and the policy.

    Raises:
        LakzegelError: it is not signed by `first` alone, or not a policy.
    """
    opened = note.open_exact(data, [first])
    _, policy = parse_policy_text(opened.text)
    key = second.verifier
    line = note.Signature(key.name, key.key_id, second.sign(opened.text))
    return note.Note(opened.text, (*opened.signatures, line)).to_bytes(), policy


def differences(old: Policy | None, new: Policy) -> Iterator[str]:
    """Yield a line for everything that changes: `-` what was, `+` what will be."""
    if old is None:
        yield f"  {NOTHING}"
    before = list(_described(old)) if old is not None else []
    for line in ndiff(before, list(_described(new))):
        if line[0] in "+-":
            yield line


def newest(policies: Sequence[Policy], draft: Policy) -> Policy | None:
    """Return the highest policy that shares a part of its audience with the draft."""
    shared = [p for p in policies if not set(p.audience).isdisjoint(draft.audience)]
    return max(shared, key=lambda policy: policy.serial, default=None)


def _described(policy: Policy) -> Iterator[str]:
    yield f"serial {policy.serial}"
    for name in policy.audience:
        yield f"audience {name}"
    yield f"not before {format_time(policy.not_before.astimezone(UTC))}"
    yield f"expires {format_time(policy.expires.astimezone(UTC))}"
    for recipient in policy.recipients:
        yield f"recipient {_short(recipient)}"
    yield f"cadence {policy.cadence:g} s"
    yield f"release {policy.release}"
    for source in policy.sources:
        where = source.path if source.path is not None else "(in the annex)"
        yield f"source {source.name}: {source.kind} at {where}, settles {source.settle:g} s"
        yield from (f"source {source.name}: account {name}" for name in source.accounts)
        yield from (f"source {source.name}: app {name}" for name in source.apps)
        yield f"source {source.name}: capture {source.capture}, custody {source.custody or '-'}"
    for readout in policy.readouts:
        yield f"readout {readout.source}: every {readout.every:g} s, {readout.window or 'any time'}"
        yield f"readout {readout.source}: starts {readout.command or 'nothing'}"
        yield from (f"readout {readout.source}: not during {text}" for text in readout.spared)
    yield from (f"guard {name}: {mode}" for name, mode in sorted(policy.guards.items()))
    yield from _agreed(policy)
    yield f"claims within {policy.claims:g} s"
    yield f"limits: batch {policy.batch_limit} bytes, spool {policy.spool_limit} bytes"
    yield f"limits: a source is uncovered for {policy.uncovered:g} s at most"
    if policy.keys is not None:
        yield f"limits: devices replace keys that are {policy.keys:g} s old"
    yield from _shipping(policy.shipping)
    yield f"quorum: {policy.quorum.threshold} of {len(policy.quorum.witnesses)}"
    yield from (f"witness {key.name}" for key in policy.quorum.witnesses)
    yield from (f"annex {name}: {b64(raw)}" for name, raw in sorted(policy.annexes.items()))


def _agreed(policy: Policy) -> Iterator[str]:
    for one in sorted(policy.elsewhere, key=lambda one: one.app):
        until = format_time(one.until.astimezone(UTC))
        yield f"elsewhere {one.app}: attested by {one.attested_by} until {until}: {one.why}"
    for gone in sorted(policy.absences, key=lambda gone: (gone.source, gone.begin)):
        begin, until = (format_time(at.astimezone(UTC)) for at in (gone.begin, gone.until))
        yield f"absence of {gone.source}: from {begin} until {until}"
    yield from (f"mail domain {name}" for name in sorted(policy.domains))


def _shipping(found: Shipping) -> Iterator[str]:
    yield from (f"shipping: hours {_hours(hours)}" for hours in found.hours)
    yield f"shipping: {found.bandwidth or 'any number of'} bytes a second"
    yield f"shipping: on battery {found.on_battery}, on a metered network {found.metered}"
    yield f"shipping: waits {found.longest_wait:g} s at most"


def _hours(found: Hours) -> str:
    days = ", ".join(DAYS[day] for day in sorted(found.days))
    end = found.end if found.end <= _DAY else found.end - _DAY
    times = (f"{minute // 60:02}:{minute % 60:02}" for minute in (found.start, end))
    return f"{days}: {'-'.join(times)}"


def _short(recipient: Recipient) -> str:
    """Return enough of a recipient to compare with another list: its hash."""
    return b64(hashlib.sha256(recipient.to_text().encode()).digest())
