# SPDX-License-Identifier: EUPL-1.2
"""Mail that Thunderbird deletes by itself: a reading a profile and server, and locks against it.

What is enforced is a file of defaults beside the program, that locks. docs/spec/settings-guarded.md
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import ClassVar, Final

from lakzegel_agent.guards.base import (
    EVERYWHERE,
    MDM_OWNED,
    NOT_PERMITTED,
    TOO_MANY,
    WORST_FIRST,
    Change,
    Declaration,
    Guard,
    PlaceError,
    Reading,
    State,
    Surroundings,
)
from lakzegel_agent.guards.of_thunderbird import Profile, Value, profiles
from lakzegel_agent.guards.of_thunderbirdkeys import (
    BUILT_IN,
    CHAT,
    REASONS,
    TYPES,
    Judged,
    judge,
    servers,
)
from lakzegel_agent.guards.of_thunderbirdlayers import Layers, layers
from lakzegel_agent.guards.of_thunderbirdlocks import locks_in, merged
from lakzegel_agent.guards.of_thunderbirdprofile import (
    HALF_WRITTEN,
    may_run_since_before,
    whole_preferences,
)
from lakzegel_agent.guards.of_thunderbirdprograms import (
    NO_RULES,
    SYSTEM,
    Program,
    Rules,
    kind_of,
    programs,
    rules,
)
from lakzegel_agent.guards.of_thunderbirdsubjects import Subjects
from lakzegel_core.encoding import JsonValue

AT_NEXT_START: Final = "at-next-start"
WRONG_TYPE: Final = "wrong-type"
ACCOUNT_TYPE: Final = "account-type"
MAX_SERVERS: Final = 1_000  # of one profile, docs/spec/guards.md §7
_SAYS: Final = "lock Thunderbird's settings so that it deletes no mail by itself"


@dataclass(frozen=True, slots=True)
class Used:
    """A profile, and what all say of its preferences: by installation, with and without ours."""

    profile: Profile
    name: str
    kind: str
    views: tuple[tuple[Program | None, Layers, Layers], ...]


@dataclass(frozen=True, slots=True)
class Unread:
    """A profile of which nothing is known now; ``root`` is empty where it is which there are."""

    root: str
    name: str
    why: str


class ThunderbirdRetention:
    """See the module."""

    declaration: ClassVar[Declaration] = Declaration(
        id="thunderbird-retention",
        rows=(15,),
        platforms=EVERYWHERE,
        enforces=True,
        reasons=REASONS | {AT_NEXT_START, HALF_WRITTEN, WRONG_TYPE, ACCOUNT_TYPE},
        cannot="It cannot lock Thunderbird as a snap or a flatpak, nor see what the mail server "
        "deletes by itself.",
    )

    def look(self, surroundings: Surroundings) -> Iterable[Reading]:
        """Yield a reading a profile and server; who cannot be read now keeps his subjects."""
        before = Subjects.of(surroundings.notes)
        now = Subjects()
        for found in _used(surroundings):
            if isinstance(found, Used):
                readings = list(_readings(found, surroundings))
                now.add(str(found.profile.root), [one.subject for one in readings])
                yield from readings
                continue
            for root in [found.root] if found.root else before.beside(now):
                names = before.get(root) or [found.name]
                now.add(root, names)
                yield from (Reading(name, State.UNKNOWN, found.why) for name in names)
            if not found.root:
                yield Reading("", State.UNKNOWN, found.why)
        now.keep(surroundings.notes)

    def changes(self, surroundings: Surroundings, readings: Sequence[Reading]) -> Iterable[Change]:
        """Yield the file of locks of each installation that may have one."""
        del readings  # each preference is decided on by itself: MDM may own some of a server's
        wanted: dict[Path, dict[str, Value]] = {}
        understood = True
        for found in _used(surroundings):
            if isinstance(found, Unread):
                understood = False
                continue
            for program, _, without in found.views:
                if program is not None and program.kind == SYSTEM:
                    wanted.setdefault(program.own, {}).update(_locks(without))
        place = surroundings.places["file"]
        for path, locks in sorted(wanted.items()):
            held = place.read(str(path))
            kept = {} if understood else locks_in(held or b"")  # of who cannot be read just now
            after = merged(held, {**kept, **locks})
            if (held, after) != (None, None):
                yield Change("file", str(path), after, _SAYS)

    def without(self, place: str, held: bytes) -> bytes | None:
        """Return the file without this agent's locks."""
        del place
        return merged(held, {})


def _used(surroundings: Surroundings) -> Iterator[Used | Unread]:
    """Yield each profile with what is said of its preferences, or why that is not known."""
    told: dict[Program, Rules | PlaceError] = {}
    for program in programs(surroundings):
        try:
            told[program] = rules(program, surroundings)
        except PlaceError as error:
            told[program] = error
    names: Counter[str] = Counter()
    try:
        for profile in profiles(surroundings.home, surroundings.places["file"]):
            kind = kind_of(profile, surroundings.home)
            name = profile.name if kind == SYSTEM else f"{kind}/{profile.name}"
            names[name] += 1
            if names[name] > 1:
                name += f" ({names[name]})"
            try:
                yield Used(profile, name, kind, tuple(_views(profile, kind, told, surroundings)))
            except PlaceError as error:
                yield Unread(str(profile.root), name, error.reason)
    except PlaceError as error:
        yield Unread("", "", error.reason)


def _views(
    profile: Profile,
    kind: str,
    told: Mapping[Program, Rules | PlaceError],
    surroundings: Surroundings,
) -> Iterator[tuple[Program | None, Layers, Layers]]:
    users = whole_preferences(profile, surroundings.places["file"])
    mine: list[tuple[Program | None, Rules | PlaceError]] = []
    mine += ((program, rule) for program, rule in told.items() if program.kind == kind)
    for program, rule in mine or [(None, NO_RULES)]:
        if isinstance(rule, PlaceError):
            raise rule
        with_ours = layers(BUILT_IN, rule, users, ours=True)
        yield program, with_ours, layers(BUILT_IN, rule, users, ours=False)


def _readings(found: Used, surroundings: Surroundings) -> Iterator[Reading]:
    """Yield a reading a server: the worst of what the installations make of it."""
    types = {server: type_ for _, view, _ in found.views for server, type_ in servers(view).items()}
    for server, type_ in islice(sorted(types.items()), MAX_SERVERS):
        subject = f"{found.name}/{server}"
        if type_ == CHAT:
            yield Reading(subject, State.NOT_APPLICABLE, "", {"type": type_})
            continue
        each = [
            _reading(
                found,
                judge(view, server, type_),
                _reasons_at_work(found, program, judge(bare, server, type_), surroundings),
            )
            for program, view, bare in found.views
        ]
        reading = min(each, key=lambda one: WORST_FIRST.index(one.state))
        yield replace(reading, subject=subject, locked=_are_locked(found, server, type_))
    if len(types) > MAX_SERVERS:
        yield Reading(found.name, State.UNKNOWN, TOO_MANY)


def _reading(found: Used, judged: Judged, at_work: list[str]) -> Reading:
    """Return what one server comes to; ``at_work``: why it deletes until the next start."""
    state, reason = _verdict(found, judged, waits=bool(at_work))
    why = judged.reasons or at_work
    value: dict[str, JsonValue] = {**judged.value, **({"why": [*why]} if why else {})}
    return Reading("", state, reason, value)


def _verdict(found: Used, judged: Judged, *, waits: bool) -> tuple[State, str]:
    """Return the state of what was judged, and why."""
    if judged.free:
        return State.DRIFTED, judged.free[0] if found.kind == SYSTEM else NOT_PERMITTED
    if judged.theirs:
        return State.DRIFTED, MDM_OWNED
    if judged.wrong:
        return State.UNKNOWN, WRONG_TYPE
    if judged.type not in TYPES:
        return State.UNKNOWN, ACCOUNT_TYPE
    return (State.DRIFTED, AT_NEXT_START) if waits else (State.COMPLIANT, "")


def _are_locked(found: Used, server: str, type_: str) -> bool | None:
    """Whether every installation locks all of a server's; None where none of them may be."""
    if found.kind != SYSTEM or found.views[0][0] is None:
        return None
    return all(
        view.get(key.of(server)).locked
        for _, view, _ in found.views
        for key in judge(view, server, type_).open
    )


def _locks(bare: Layers) -> dict[str, Value]:
    """Return the preferences to be locked, and how, from what is said without our locks."""
    return {
        key.of(server): key.good
        for server, type_ in islice(sorted(servers(bare).items()), MAX_SERVERS)
        if type_ != CHAT
        for key in judge(bare, server, type_).open
    }


def _reasons_at_work(
    found: Used, program: Program | None, bare: Judged, surroundings: Surroundings
) -> list[str]:
    """Return what is at work in a Thunderbird that was started before our locks were there."""
    if program is None or not bare.free:
        return []
    try:
        told = program.own.stat()
    except OSError:
        return []
    written = max(told.st_mtime_ns, told.st_ctime_ns)  # the latter is that of its renaming
    is_older = may_run_since_before(found.profile, written, surroundings)
    return bare.reasons if is_older else []


GUARD: Final[Guard] = ThunderbirdRetention()
