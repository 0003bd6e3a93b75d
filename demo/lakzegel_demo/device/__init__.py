# SPDX-License-Identifier: EUPL-1.2
"""A small minister's device, made up from nothing and the same every time.

The people, departments and matters in it do not exist.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from lakzegel_demo.device import mail, telegram, whatsapp

Writer = Callable[[Path], None]

SOURCES: Final[Mapping[str, tuple[str, Writer]]] = {
    "Postvak": ("maildir", mail.write_maildir),
    "Archief": ("mbox", mail.write_mbox),
    "WhatsApp": ("whatsapp-export", whatsapp.write_exports),
    "Telegram": ("telegram-export", telegram.write_export),
}


def write_device(folder: Path) -> tuple[tuple[str, Path], ...]:
    """Write the device's folders below `folder`; return each with its reader's kind."""
    made = []
    for name, (kind, write) in SOURCES.items():
        target = folder / name
        target.mkdir(parents=True)
        write(target)
        made.append((kind, target))
    return tuple(made)
