# SPDX-License-Identifier: EUPL-1.2
"""`Shadower` by the class Win32_ShadowCopy, asked through PowerShell; not run on a real device.

A program of the system's own, by its full path; what goes into its text is a letter or an id of a
fixed form. Making a copy wants an administrator or LocalSystem.
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

from lakzegel_agent.platforms.shadows import DEVICE, ID, Shadow

POWERSHELL: Final = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
LIMIT: Final = 120.0  # seconds; the system's writers have sixty to come to rest
_DRIVE: Final = re.compile("[A-Z]")
_MAKE: Final = (
    "$ErrorActionPreference='Stop';"
    "$r=Invoke-CimMethod -ClassName Win32_ShadowCopy -MethodName Create"
    " -Arguments @{{Volume='{0}:\\';Context='ClientAccessible'}};"
    "if($r.ReturnValue){{exit 1}};"
    "$s=Get-CimInstance Win32_ShadowCopy -Filter ('ID=\"'+$r.ShadowID+'\"');"
    "Write-Output ($s.ID+' '+$s.DeviceObject)"
)
_REMOVE: Final = (
    "$ErrorActionPreference='Stop';"
    "Get-CimInstance Win32_ShadowCopy -Filter 'ID=\"{0}\"' | Remove-CimInstance"
)


def run(text: str) -> bytes:
    """What PowerShell prints of a text.

    Raises:
        OSError: it does not run, does not end, or ends with an error.
    """
    command: Sequence[str] = (
        *(POWERSHELL, "-NoLogo", "-NoProfile", "-NonInteractive"),
        *("-ExecutionPolicy", "Bypass", "-Command", text),
    )
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=True
        )
    except subprocess.SubprocessError:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from None
    return done.stdout


class Vss:
    """The Volume Shadow Copy Service."""

    def __init__(self, run: Callable[[str], bytes] = run) -> None:
        self._run = run

    def make(self, drive: str) -> Shadow:
        """Make one that lasts until it is removed."""
        if not _DRIVE.fullmatch(drive):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        words = self._run(_MAKE.format(drive)).decode("ascii", "replace").split()
        match words:
            case [id_, device] if ID.fullmatch(id_) and DEVICE.fullmatch(device):
                return Shadow(id_, device)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def remove(self, id_: str) -> None:
        """Remove it, where it is there."""
        if not ID.fullmatch(id_):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._run(_REMOVE.format(id_))
