# SPDX-License-Identifier: EUPL-1.2
r"""Settings of classic Outlook in Windows' registry: where they stand, and what counts of them.

    HKCU\Software\Policies\Microsoft\Cloud\Office\16.0\Outlook   policies from the cloud
    HKCU\Software\Policies\Microsoft\Office\VERSION\Outlook      group policies, and this agent's
    HKCU\Software\Microsoft\Office\VERSION\Outlook               the user's own

docs/spec/settings-guarded.md, outlook-retention
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_agent.guards.base import (
    NOT_UNDERSTOOD,
    TOO_LARGE,
    Place,
    PlaceError,
    State,
    Surroundings,
)
from lakzegel_agent.guards.placesvalues import decode
from lakzegel_core.encoding import JsonValue

STORE: Final = "registry"
VERSIONS: Final = ("14.0", "15.0", "16.0")  # Outlook 2010, 2013, and 2016 to Microsoft 365
NEWEST: Final = "16.0"
OWN: Final = r"HKCU\Software\Microsoft\Office\{}\Outlook"
POLICY: Final = r"HKCU\Software\Policies\Microsoft\Office\{}\Outlook"
CLOUD: Final = r"HKCU\Software\Policies\Microsoft\Cloud\Office\{}\Outlook"
PREFERENCES: Final = "Preferences"
DO_AGING: Final = rf"{PREFERENCES}\DoAging"
DELETE_EXPIRED: Final = rf"{PREFERENCES}\DeleteExpired"
ARCHIVE_DELETE: Final = rf"{PREFERENCES}\ArchiveDelete"
ARCHIVE_OLD: Final = rf"{PREFERENCES}\ArchiveOld"
AGING: Final = (DO_AGING, DELETE_EXPIRED, ARCHIVE_DELETE, ARCHIVE_OLD)
EMPTY_TRASH: Final = rf"{PREFERENCES}\EmptyTrash"
PST_NULL: Final = r"PST\PSTNullFreeOnDelete"
USE_NEW: Final = rf"{PREFERENCES}\UseNewOutlook"
NEW_DATA: Final = Path("AppData/Local/Microsoft/Olk")

DELETES_OLD: Final = "deletes-old"
DELETES_EXPIRED: Final = "deletes-expired"
ARCHIVES_ELSEWHERE: Final = "archives-elsewhere"
ARCHIVES_BY_FOLDER: Final = "archives-by-folder"
BY_DEFAULT: Final = "by-default"

OFF: Final = 0
ON: Final = 1
ODD: Final = -1  # of another type, or a number of which is not known what it does
_BEST_FIRST: Final = (None, OFF, ODD, ON)


@dataclass(frozen=True, slots=True)
class Said:
    """One setting: what policies say, and the user's own; None where nothing is said."""

    policy: int | None
    own: int | None

    @property
    def counts(self) -> int | None:
        """Return what Outlook goes by: a policy's before the user's own."""
        return self.own if self.policy is None else self.policy

    @property
    def worse(self) -> int | None:
        """Return the worse of both, for where it is not proven that a policy is heeded."""
        return worst((self.policy, self.own))

    def stated(self) -> dict[str, JsonValue]:
        """Return it as the office reads it."""
        told = {"policy": self.policy, "own": self.own}
        return {
            name: NOT_UNDERSTOOD if value == ODD else value
            for name, value in told.items()
            if value is not None
        }


def worst(values: Iterable[int | None]) -> int | None:
    """Return the worst of what is said in several places."""
    return max(values, key=_BEST_FIRST.index, default=None)


def said(registry: Place, version: str, setting: str) -> Said:
    """Return what is said of a setting of one version.

    Raises:
        PlaceError: it cannot be read.
    """
    policies = [_switch(registry, POLICY, version, setting)]
    if version == NEWEST:
        policies.append(_switch(registry, CLOUD, version, setting))
    return Said(worst(policies), _switch(registry, OWN, version, setting))


def versions(registry: Place) -> list[str]:
    """Return the versions that the user has settings of.

    Raises:
        PlaceError: it cannot be read.
    """
    return [one for one in VERSIONS if registry.read(OWN.format(one) + "\\") is not None]


def aging(settings: Mapping[str, Said]) -> tuple[State, str]:
    """Return what AutoArchive does with old mail, by the four settings of it."""
    runs, expired, delete, old = (settings[name].counts for name in AGING)
    if runs == ODD:
        return State.UNKNOWN, NOT_UNDERSTOOD
    if runs != ON:
        return State.COMPLIANT, "" if runs == OFF else BY_DEFAULT
    if delete == ON and old != OFF:
        return State.DRIFTED, DELETES_OLD
    if expired == ON:
        return State.DRIFTED, DELETES_EXPIRED
    return State.DRIFTED, ARCHIVES_ELSEWHERE if old == ON else ARCHIVES_BY_FOLDER


def uses_new(surroundings: Surroundings, registry: Place) -> int | None:
    """Return whether the new Outlook is in use, ODD where that is not understood.

    Raises:
        PlaceError: it cannot be read.
    """
    chosen = said(registry, NEWEST, USE_NEW).worse
    if chosen is not None:
        return chosen
    try:
        is_there = (surroundings.home / NEW_DATA).is_dir()
    except OSError:
        return ODD
    return ON if is_there else None


def _switch(registry: Place, below: str, version: str, setting: str) -> int | None:
    """Return a REG_DWORD of 0 or 1, ODD of anything else, None where there is none."""
    try:
        data = registry.read(rf"{below.format(version)}\{setting}")
    except PlaceError as error:
        if error.reason not in {NOT_UNDERSTOOD, TOO_LARGE}:
            raise
        return ODD
    if data is None:
        return None
    value = decode(data)
    return value if type(value) is int and value in (OFF, ON) else ODD
