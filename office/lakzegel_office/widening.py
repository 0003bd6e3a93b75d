# SPDX-License-Identifier: EUPL-1.2
"""What a policy widens, in words: what it captures, for whom or for whom to read, beyond before.

A change that is not plainly a narrowing counts. docs/spec/office-keys.md §7.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lakzegel_core.annex import Annex
from lakzegel_core.encoding import b64
from lakzegel_core.policy import MODES, Policy, Source
from lakzegel_office.config import Config

MARK: Final = "! "  # begins a line that widens
Annexes = Callable[[Policy], Mapping[str, Annex | None]]  # by device; None: cannot be read here


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown to who signs, and whether it widens."""

    lines: tuple[str, ...]

    @property
    def widens(self) -> bool:
        """Whether a line says that something is widened."""
        return any(line.startswith(MARK) for line in self.lines)

    @property
    def digest(self) -> str:
        """Base64 SHA-256 of the lines as they are printed."""
        return b64(hashlib.sha256("".join(f"{line}\n" for line in self.lines).encode()).digest())


def before(policies: Sequence[Policy], draft: Policy) -> dict[str, Policy | None]:
    """Return, for each part of a draft's audience, the policy that is followed there now."""
    return {
        name: max(
            (policy for policy in policies if name in policy.audience),
            key=lambda policy: policy.serial,
            default=None,
        )
        for name in draft.audience
    }


def widened(
    policies: Sequence[Policy], draft: Policy, config: Config, annexes: Annexes
) -> Iterator[str]:
    """Yield a line in words for each thing that a draft widens, each once."""
    told: dict[str, None] = {}
    for name, old in before(policies, draft).items():
        if old is None:
            told[f"{name} had no policy: all that this one says is new to it"] = None
            lines: Iterable[str] = _new(draft, config)
        else:
            lines = _against(old, draft, config, annexes)
        told.update(dict.fromkeys(lines))
    yield from (MARK + line for line in told)


def _new(draft: Policy, config: Config) -> Iterator[str]:
    for source in draft.sources:
        yield _new_source(source)
    for recipient in draft.recipients:
        yield f"{_whose(config, recipient)} can open what is captured"


def _against(old: Policy, new: Policy, config: Config, annexes: Annexes) -> Iterator[str]:
    known = {source.name: source for source in old.sources}
    for source in new.sources:
        if source.name in known:
            yield from _source(known[source.name], source)
        else:
            yield _new_source(source)
    for recipient in new.recipients:
        if recipient not in old.recipients:
            yield f"{_whose(config, recipient)} can open what is captured from now on"
    for name in sorted({*old.guards, *new.guards}):
        yield from _guard(name, _mode(old, name), _mode(new, name))
    if new.claims < old.claims:
        yield f"less time to claim a mail as private: {new.claims:g} s, was {old.claims:g} s"
    yield from _annexes(annexes(old), annexes(new))


def _source(old: Source, new: Source) -> Iterator[str]:
    name = f"source {new.name}"
    if old.kind != new.kind:
        yield f"{name}: another reader, {new.kind}, was {old.kind}"
    if new.path is not None:
        yield from _path(name, old.path, new.path)
    yield from _listed(name, "account", old.accounts, new.accounts)
    yield from _listed(name, "app", old.apps, new.apps)
    if (old.capture, new.capture) == ("conversations", "raw"):
        yield f"{name}: the raw database too, not conversations alone"
    if old.custody != new.custody:
        yield f"{name}: bound to {new.custody or 'no custody'}, was {old.custody or 'no custody'}"


def _listed(name: str, what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """Yield what a list lets through beyond before; an empty one lets everything through."""
    if old and not new:
        yield f"{name}: no list of {what}s any more, so any {what} is captured"
    elif old:
        yield from (f"{name}: {what} {one} too" for one in new if one not in old)


def _path(name: str, old: str | None, new: str) -> Iterator[str]:
    if old is None:
        yield f"{name}: {new} on every device, was in the annex of each"
    elif _is_below(old, new):
        yield f"{name}: a wider path, {new}, was {old}"
    elif new != old and (not _is_below(new, old) or "*" in new):
        yield f"{name}: another path, {new}, was {old}"


def _is_below(path: str, folder: str) -> bool:
    """Tell whether a path is inside a folder, and not the same; with a pattern it never is."""
    return "*" not in folder and path.startswith(folder.rstrip("/") + "/") and ".." not in path


def _guard(name: str, old: str, new: str) -> Iterator[str]:
    if MODES.index(new) < MODES.index(old):
        word = "off" if new == MODES[0] else f"only {new}"
        yield f"guard {name}: {word}, was {old}"


def _mode(policy: Policy, name: str) -> str:
    return policy.guards.get(name, policy.guards.get("default", MODES[0]))


def _annexes(old: Mapping[str, Annex | None], new: Mapping[str, Annex | None]) -> Iterator[str]:
    for device in sorted({*old, *new}):
        if device not in new:
            yield f"{device}: no annex any more, so nothing is excluded there"
        elif device not in old:
            yield from _first_annex(device, new[device])
        else:
            yield from _annex(device, old[device], new[device])


def _first_annex(device: str, new: Annex | None) -> Iterator[str]:
    if new is None:
        yield f"{device}: its annex cannot be read here; ask for one that is sealed to you"
        return
    yield from (f"{device}: source {s.name} at {s.path}" for s in new.sources if s.path)
    yield from _phones(device, None, new)


def _annex(device: str, old: Annex | None, new: Annex | None) -> Iterator[str]:
    if new is None or old is None:
        which = "its annex" if new is None else "the annex before"
        yield f"{device}: {which} cannot be read here, so fewer exclusions would not show"
        return
    for what, before_, after in (
        ("private folder", old.folders, new.folders),
        ("folder of the party", old.party_folders, new.party_folders),
        ("agreed private correspondent", old.correspondents, new.correspondents),
    ):
        for one in before_:
            if one not in after:
                yield f"{device}: {one} is no {what} any more, so it is captured"
    paths = {source.name: source.path for source in old.sources}
    for source in new.sources:
        if source.path is not None:
            yield from _path(f"{device}: source {source.name}", paths.get(source.name), source.path)
    yield from _phones(device, old, new)


def _phones(device: str, old: Annex | None, new: Annex) -> Iterator[str]:
    for phone in new.phones:
        if old is None or phone not in old.phones:
            yield f"{device}: phone {phone.serial} belongs to custody {phone.custody}"


def _new_source(source: Source) -> str:
    where = source.path if source.path is not None else "(in the annex)"
    limits = [*(f"account {one}" for one in source.accounts), *(f"app {a}" for a in source.apps)]
    raw = ", the raw database too" if source.capture == "raw" else ""
    return f"new source {source.name}: {source.kind} at {where}, {', '.join(limits) or 'all'}{raw}"


def _whose(config: Config, recipient: object) -> str:
    for period in config.periods.all:
        for role, own in period.recipients.items():
            if own == recipient:
                return f"the {role} key of this office, period {period.name},"
    return "A RECIPIENT THAT IS NOT THIS OFFICE'S"
