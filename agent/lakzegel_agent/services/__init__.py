# SPDX-License-Identifier: EUPL-1.2
"""What starts the agent and has it end, behind one interface (docs/spec/services.md).

    base.py            a manager, a life under it, and what a service is
    signalled.py       systemd, launchd, a terminal: processes that are sent signals
    warden.py          a watchdog for managers that have none
    windowsservice.py  the service manager of Windows: states and orders
    scm.py, scm32.py   its calls, and those through ctypes; not run on a real device
    launchd.py, wix.py what describes the service to macOS and to Windows Installer

`manager` is the one of this system.
"""

from __future__ import annotations

import sys

from lakzegel_agent.services.base import Manager


def manager() -> Manager:
    """What this process is under."""
    from lakzegel_agent.services.signalled import Signalled  # noqa: PLC0415 - one of them

    if sys.platform == "win32":
        from lakzegel_agent.services.scm32 import Scm32  # noqa: PLC0415
        from lakzegel_agent.services.windowsservice import WindowsService  # noqa: PLC0415

        return WindowsService(Scm32(), otherwise=Signalled())
    return Signalled()
