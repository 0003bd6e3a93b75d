# SPDX-License-Identifier: EUPL-1.2
"""This machine's serial number, as its maker wrote it into the hardware.

Linux: DMI, which only root may read, or the device tree; macOS: `ioreg`; Windows: `Win32_BIOS`.
The last two follow those systems' documentation and were not run on a real device.
docs/spec/admission.md §6
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import AgentError
from lakzegel_agent.keywraps import programs
from lakzegel_core.errors import FormatError
from lakzegel_core.roster import normal_serial

PLACES: Final = (  # on Linux, the first that has one
    Path("/sys/class/dmi/id/product_serial"),
    Path("/sys/firmware/devicetree/base/serial-number"),
)
_POWERSHELL: Final = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe"
PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "darwin": ("ioreg", "-rd1", "-c", "IOPlatformExpertDevice"),
    "win32": (_POWERSHELL, "-NoProfile", "-Command", "(Get-CimInstance Win32_BIOS).SerialNumber"),
}
MAX_SERIAL: Final = 4096  # bytes that a place is read for: a page of the kernel's
_IOREG: Final = re.compile(r'"IOPlatformSerialNumber" = "([^"]*)"')
Run = Callable[[list[str]], str]


def hardware_serial(
    *,
    system: str = sys.platform,
    places: Sequence[Path] = PLACES,
    run: Run | None = None,
) -> str | None:
    """The serial number in its one spelling; None where there is none, or it is not for us."""
    if system in PROGRAMS:
        said = _asked(PROGRAMS[system], run or _run)
        if system == "darwin":
            found = _IOREG.search(said)
            said = found[1] if found else ""
        return _normal(said)
    texts = (_normal(_read(place)) for place in places)
    return next((text for text in texts if text is not None), None)


def _read(place: Path) -> str:
    try:
        with place.open("rb") as file:
            return file.read(MAX_SERIAL).decode("ascii", "replace")
    except OSError:
        return ""


def _asked(program: Sequence[str], run: Run) -> str:
    try:
        return run(list(program))
    except AgentError:
        return ""


def _run(arguments: list[str]) -> str:
    done = programs.run(arguments)
    return done.output.decode("utf-8", "replace") if not done.status else ""


def _normal(text: str) -> str | None:
    try:
        return normal_serial(text)
    except FormatError:
        return None
