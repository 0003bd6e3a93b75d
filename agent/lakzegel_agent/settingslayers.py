# SPDX-License-Identifier: EUPL-1.2
"""Which source a setting comes from, and what tried to override it (docs/spec/settings.md §1).

managed, policy, file, environment          the first that says something wins
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Origin = Literal["mdm", "policy", "file", "environment", "default"]
ORDER: Final[tuple[Origin, ...]] = ("mdm", "policy", "file", "environment")
LOCKING: Final = frozenset({"mdm", "policy"})  # what these say nobody on the device changes
PINNED: Final = frozenset({"log_keys", "policy_keys", "threshold"})
TUNABLE: Final = (  # what a policy may say as well
    "cadence",
    "limits.batch",
    "limits.spool",
    "shipping.hours",
    "shipping.bandwidth",
    "shipping.on_battery",
    "shipping.metered",
    "shipping.longest_wait",
)


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says: nested tables, as they were read; ``place`` is where it stands."""

    origin: Origin
    place: str
    values: Mapping[str, Any] = field(repr=False)  # a login or a token may be among them


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a setting comes from, whether that locks it, and who else said something."""

    origin: Origin
    place: str
    locked: bool
    overridden: tuple[Origin, ...]


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with the names of its tables before its own: ``limits.batch``."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def without(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The values of other names."""
    return {name: value for name, value in values.items() if name not in names}


def picked(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The values of these dotted names alone, nested as they were."""
    found: dict[str, Any] = {}
    for name, value in flat(values):
        if name in names:
            table, _, key = name.rpartition(".")
            (found.setdefault(table, {}) if table else found)[key] = value
    return found


def effective(layers: Sequence[Layer]) -> list[Layer]:
    """The layers in their order, each without what it has no say in.

    The keys and the threshold never come from the environment; a policy says what is tunable; and
    how many of the policy keys must sign is for whoever says which those are: a threshold below
    the layer that names the keys counts for nothing.
    """
    kept: list[Layer] = []
    named = False
    for layer in sorted(layers, key=lambda one: ORDER.index(one.origin)):
        values: Mapping[str, Any] = layer.values
        if layer.origin == "policy":
            values = picked(values, TUNABLE)
        elif layer.origin == "environment":
            values = without(values, PINNED)
        elif named:
            values = without(values, frozenset({"threshold"}))
        named |= "policy_keys" in values
        kept.append(Layer(layer.origin, layer.place, values))
    return kept


def provenance(layers: Sequence[Layer]) -> dict[str, Provenance]:
    """Of each dotted name that a source says something about: which one it comes from."""
    said: dict[str, list[Layer]] = {}
    for layer in effective(layers):
        for name, _ in flat(layer.values):
            said.setdefault(name, []).append(layer)
    tried: dict[str, list[Origin]] = {}
    for layer in sorted(layers, key=lambda one: ORDER.index(one.origin)):
        if layer.origin == "policy":
            continue  # what it may not say is no attempt: most of it is not about this device
        for name, _ in flat(layer.values):
            tried.setdefault(name, []).append(layer.origin)
    return {name: _one(said.get(name, ()), tried.get(name, ())) for name in {**said, **tried}}


def _one(rows: Sequence[Layer], tried: Sequence[Origin]) -> Provenance:
    """The provenance of one name; nobody who may says anything where there are no rows."""
    first = rows[0] if rows else Layer("default", "", {})
    also = {row.origin for row in rows[1:]} | set(tried)
    return Provenance(
        origin=first.origin,
        place=first.place,
        locked=first.origin in LOCKING or not rows,
        overridden=tuple(one for one in ORDER if one in also and one != first.origin),
    )
