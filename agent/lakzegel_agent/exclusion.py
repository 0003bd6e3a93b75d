# SPDX-License-Identifier: EUPL-1.2
"""Folders that a policy's annex keeps out of a source.

    Privé                      every folder of that name, at any depth
    Archief/Privé              that folder below the source's root
    /home/minister/Mail/Privé  that folder, wherever the root is

All that lies below such a folder is excluded. Accents count the same whether a file system writes
them as one character or as two.
"""

import os
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

REASON: Final = "excluded-folder"
_FORMS: Final = ("NFC", "NFD")

IsExcluded = Callable[[bytes], bool]


def excluder(folders: Sequence[str], root: bytes) -> IsExcluded:
    """Return what says of a path below ``root`` whether one of the folders holds it."""
    written = {
        os.fsencode(unicodedata.normalize(form, folder)) for folder in folders for form in _FORMS
    }
    names = {folder for folder in written if b"/" not in folder.strip(b"/")}
    anywhere = frozenset(name.strip(b"/") for name in names) - {b""}
    anchored = tuple(_anchored(folder, root) for folder in written - names)

    def is_excluded(path: bytes) -> bool:
        if anywhere and not anywhere.isdisjoint(path.split(b"/")[:-1]):
            return True
        return path.startswith(anchored)

    return is_excluded


def _anchored(folder: bytes, root: bytes) -> bytes:
    inside = root.rstrip(b"/") + b"/"
    return folder.removeprefix(inside).strip(b"/") + b"/"
