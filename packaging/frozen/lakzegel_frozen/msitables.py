# SPDX-License-Identifier: EUPL-1.2
"""Rows that wixl has no words for, by Windows Installer's documentation of its tables.

docs/spec/windows-package.md §2 and §3
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from lakzegel_frozen.idt import Row, Table

REPLACED: Final = ("ServiceInstall", "ServiceControl")
EXTENDED: Final = ("Component", "Property", "Registry", "CustomAction", "InstallExecuteSequence")

CONFIGURATION: Final = Table(
    "MsiServiceConfig",
    (
        *(("MsiServiceConfig", "s72"), ("Name", "s255"), ("Event", "i4"), ("ConfigType", "i4")),
        *(("Argument", "S255"), ("Component_", "s72")),
    ),
    1,
    (),
)
FAILURES: Final = Table(
    "MsiServiceConfigFailureActions",
    (
        *(("MsiServiceConfigFailureActions", "s72"), ("Name", "s255"), ("Event", "i4")),
        *(("ResetPeriod", "I4"), ("RebootMessage", "S255"), ("Command", "S255")),
        *(("Actions", "S255"), ("DelayActions", "S255"), ("Component_", "s72")),
    ),
    1,
    (),
)
# Below ProgramData everybody may make things: whoever made our folder first must not own it. The
# helper, which is the user, reads the settings and nothing else there.
FULL: Final = "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
RIGHTS: Final = Table(
    "MsiLockPermissionsEx",
    (
        *(("MsiLockPermissionsEx", "s72"), ("LockObject", "s72"), ("Table", "s32")),
        *(("SDDLText", "s0"), ("Condition", "S255")),
    ),
    1,
    (
        ("StateRights", "STATEDIR", "CreateFolder", f"O:BAG:BAD:PAI{FULL}(A;;0x1200a9;;;BU)", ""),
        ("HomeRights", "HOMEDIR", "CreateFolder", f"O:BAG:BAD:PAI{FULL}", ""),
        (
            *("SettingsRights", "SettingsFile", "File"),
            *("O:BAG:BAD:PAI(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BU)", ""),
        ),
    ),
)

# stays at a removal; a file that is there already is not overwritten; 64-bit
PERMANENT, NEVER_OVERWRITE, WIDE = 16, 128, 256
STAYS: Final = MappingProxyType(
    {"Settings": PERMANENT + NEVER_OVERWRITE + WIDE, "Home": PERMANENT + WIDE}
)

KEPT: Final = "LakzegelSayKept"
EVENT: Final = 100
# a command line, working in a folder; its exit code does not matter; once all is committed,
# so that it can undo no removal and tells of none that was undone; as the installer itself
TYPE: Final = 34 + 64 + 512 + 1024 + 2048
# a property of its own: what an action may say is 255 characters
TEXT: Final = (
    "Lakzegel Agent was removed. What this device had captured and not yet handed over stays, "
    r"sealed, in ProgramData\Lakzegel\home, with the keys that send it. Install Lakzegel Agent "
    "again and it is sent; do not delete that folder before."
)
SAID: Final[Row] = ("LakzegelSaid", TEXT)
# by cmd.exe, which is always there: a program that is not, or may not run, fails a removal
COMMAND: Final = (
    '"[System64Folder]cmd.exe" /s /c ""[System64Folder]eventcreate.exe" /L APPLICATION /T WARNING '
    f'/SO "Lakzegel Agent" /ID {EVENT} /D "[LakzegelSaid]""'
)
# a folder of the table Directory that is there after our own is gone
ACTION: Final[Row] = (KEPT, TYPE, "CommonAppDataFolder", COMMAND, None)
# only where all goes and nothing newer comes; after the files went
CONDITION: Final = 'REMOVE="ALL" AND NOT UPGRADINGPRODUCTCODE'
AFTER_FILES: Final = 3550
CONFIGURE: Final[Row] = ("MsiConfigureServices", "VersionMsi>=5.00", 5850)
# a forerunner goes within the same transaction, before anything is copied: a failure brings it back
FORERUNNER: Final = "RemoveExistingProducts"
FIRST: Final = 1501


def completed(found: Mapping[str, Table], rows: Mapping[str, Sequence[Row]]) -> list[Table]:
    """The tables to import: those that there are, changed, and new ones."""
    order = found["InstallExecuteSequence"]
    kept = [row for row in order.rows if row[0] not in (FORERUNNER, KEPT, CONFIGURE[0])]
    steps: list[Row] = [(KEPT, CONDITION, AFTER_FILES), (FORERUNNER, None, FIRST), CONFIGURE]
    actions = found["CustomAction"]
    return [
        *(found[name].with_rows(rows[name]) for name in REPLACED),
        _that_stay(found["Component"]),
        found["Property"].and_rows([SAID]),
        found["Registry"].and_rows(rows["Registry"]),
        actions.and_rows([ACTION[: len(actions.columns)]]),
        order.with_rows(kept).and_rows(steps),
        CONFIGURATION.with_rows(rows["MsiServiceConfig"]),
        FAILURES.with_rows(rows["MsiServiceConfigFailureActions"]),
        RIGHTS,
    ]


def _that_stay(components: Table) -> Table:
    """The components, with what is not taken away at a removal."""
    at = [name for name, _ in components.columns].index("Attributes")
    return components.with_rows(
        (*row[:at], STAYS.get(row[0], row[at]), *row[at + 1 :]) for row in components.rows
    )
