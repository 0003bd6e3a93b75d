# SPDX-License-Identifier: EUPL-1.2
"""What describes the agent to Windows Installer: rows of its tables (docs/spec/services.md §3).

ServiceInstall, ServiceControl, MsiServiceConfig, MsiServiceConfigFailureActions and Registry, each
column in the order of Windows Installer's documentation. The program is the key file of the
component that is named here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakzegel_agent.services.base import RESTART_AFTER, Definition
from lakzegel_agent.services.windowsservice import NAME, PRESHUTDOWN_WITHIN

PROGRAM: Final = r"C:\Program Files\Lakzegel\Agent\lakzegel-agent.exe"
CONFIG: Final = r"C:\ProgramData\Lakzegel\agent.toml"
SERVICE: Final = Definition(
    name=NAME,
    title="Lakzegel Agent",
    about="Captures, seals and ships what is to be kept; cannot read what it sealed.",
    arguments=(PROGRAM, "run", "--config", CONFIG),
)
HELPER: Final = Definition(
    name="LakzegelAgentUser",
    title="Lakzegel Agent, for one user",
    about="Tells the agent what this user's session alone can open.",
    arguments=(PROGRAM, "helper", "--config", CONFIG),
    in_session=True,
)
# what LocalSystem has and this service keeps: to read every user's files, to make a shadow copy of
# a volume, to look at who is at the other end of a pipe
PRIVILEGES: Final = ("SeBackupPrivilege", "SeChangeNotifyPrivilege", "SeImpersonatePrivilege")
RUN: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
Row = tuple[str | int | None, ...]

_OWN_PROCESS, _AUTOMATIC, _NORMAL, _VITAL = 0x10, 2, 1, 0x8000
_START, _STOP, _UNINSTALL_STOP, _UNINSTALL_DELETE = 0x1, 0x2, 0x20, 0x80
_ON_INSTALL: Final = 0x1 | 0x4  # msidbServiceConfigEvent: install, reinstall
_DELAYED, _FAILURES_FLAG, _SID, _PRIVILEGES, _PRESHUTDOWN = 3, 4, 5, 6, 7
_RESTART, _ACTIONS, _FORGET = 1, 3, 86_400  # the third counts for all that follow; seconds
_LOCAL_MACHINE: Final = 2


def tables(component: str) -> Mapping[str, list[Row]]:
    """The rows of each table, for the component of the agent's program."""
    restarts = "[~]".join([str(_RESTART)] * _ACTIONS)
    delays = "[~]".join([str(RESTART_AFTER * 1000)] * _ACTIONS)
    kind = (_OWN_PROCESS, _AUTOMATIC, _NORMAL | _VITAL)
    end = (component, SERVICE.about)
    events = _START | _STOP | _UNINSTALL_STOP | _UNINSTALL_DELETE
    return {
        "ServiceInstall": [
            (NAME, NAME, SERVICE.title, *kind, *(None,) * 4, words(SERVICE.arguments[1:]), *end)
        ],
        "ServiceControl": [(NAME, NAME, events, None, 1, component)],
        "MsiServiceConfig": [
            (f"{NAME}{kind}", NAME, _ON_INSTALL, kind, argument, component)
            for kind, argument in (
                (_DELAYED, "1"),
                (_FAILURES_FLAG, "1"),  # an exit with an error is a failure too
                (_SID, "1"),  # unrestricted: what it writes can be granted to it by name
                (_PRIVILEGES, "[~]".join(PRIVILEGES)),
                (_PRESHUTDOWN, str(PRESHUTDOWN_WITHIN * 1000)),
            )
        ],
        "MsiServiceConfigFailureActions": [
            (NAME, NAME, _ON_INSTALL, _FORGET, None, None, restarts, delays, component)
        ],
        "Registry": [
            (HELPER.name, _LOCAL_MACHINE, RUN, HELPER.name, words(HELPER.arguments), component)
        ],
    }


def words(arguments: tuple[str, ...]) -> str:
    """A command line: what has a space is quoted; no name of ours has a quote in it."""
    return " ".join(f'"{one}"' if " " in one else one for one in arguments)
