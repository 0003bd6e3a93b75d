# SPDX-License-Identifier: EUPL-1.2
"""Which captured file is the picture that a message shows: by the path that the source writes.

IMG-20240312-WA0001.jpg                beside the chat's text, or in its archive
photos/photo_1.jpg                     below the folder of `result.json`
Media/WhatsApp Images/IMG….jpg         somewhere below the source
~/Library/Messages/Attachments/…       likewise; in a phone's backup by its SHA-1
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import clean
from lakzegel_office.collection.model import Attachment

_APPLE: Final = re.compile(r"\A.*?/Library/(?:SMS|Messages)/(.+)\Z", re.DOTALL)
_DOMAINS: Final = (
    "MediaDomain-Library/SMS/",
    "AppDomainGroup-group.net.whatsapp.WhatsApp.shared-Message/",
    "AppDomainGroup-group.net.whatsapp.WhatsAppSMB.shared-Message/",
)


def linked(
    db: Connection, unit: int, folder: str, media: Sequence[str], shown: Sequence[Attachment]
) -> tuple[Attachment, ...]:
    """Return a message's attachments, each with the unit that is its file, if any was captured."""
    source = db.execute("SELECT device, source FROM unit WHERE id = ?", (unit,)).fetchone()
    found = []
    for attachment, path in zip(shown, media, strict=False):
        file = _file(db, source, folder, path)
        kind = attachment.media_type or mimetypes.guess_type(attachment.name)[0] or ""
        found.append(replace(attachment, media_type=kind))
        if file is not None:
            found[-1] = replace(found[-1], unit=file[0], size=file[1])
    return tuple(found)


def _file(
    db: Connection, source: tuple[str, str], folder: str, path: str
) -> tuple[str, int] | None:
    for leaf, tail in _candidates(folder, clean(path).replace("\\", "/")):
        rows = db.execute(
            "SELECT name, subject, size FROM unit WHERE leaf = ? AND device = ? AND source = ?"
            " ORDER BY id DESC LIMIT 1000",
            (leaf, *source),
        )
        for name, subject, size in rows:
            if f"/{subject}".endswith(f"/{tail}"):
                return str(name), int(size)
    return None


def _candidates(folder: str, path: str) -> Iterator[tuple[str, str]]:
    """Yield a file's name and how its path must end, the likeliest first."""
    apple = _APPLE.match(path)
    plain = apple[1] if apple else path.lstrip("/").removeprefix("~/")
    leaf = plain.rpartition("/")[2]
    yield leaf, f"{folder}/{plain}" if folder else plain
    if "/" in plain:
        yield leaf, plain
        for domain in _DOMAINS:
            digest = hashlib.sha1(f"{domain}{plain}".encode(), usedforsecurity=False).hexdigest()
            yield digest, digest
