# SPDX-License-Identifier: EUPL-1.2
"""Which captured file is the picture that a message shows: by the path that the source writes.

IMG-20240312-WA0001.jpg                beside the chat's text, or in its archive
photos/photo_1.jpg                     below the folder of `result.json`
Media/WhatsApp Images/IMG….jpg         somewhere below the source
~/Library/Messages/Attachments/…       likewise; in a phone's backup by its SHA-1
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from lakzegel_office.collection.database import Connection
from lakzegel_office.collection.ids import clean
from lakzegel_office.collection.model import Attachment

MOST_FILES: Final = 10_000  # of one name, or of all the names in one message
_DEPTH: Final = 100  # folders of a path
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
    wanted = [
        list(_candidates(folder, clean(path).replace("\\", "/")))
        for _, path in zip(shown, media, strict=False)
    ]
    leaves = {leaf for candidates in wanted for leaf, _ in candidates}
    files = _files(db, unit, leaves) if leaves else {}
    found = []
    for attachment, candidates in zip(shown, wanted, strict=False):
        file = next((files[tail] for _, tail in candidates if tail in files), None)
        kind = attachment.media_type or mimetypes.guess_type(attachment.name)[0] or ""
        found.append(replace(attachment, media_type=kind))
        if file is not None:
            found[-1] = replace(found[-1], unit=file[0], size=file[1])
    return tuple(found)


def _files(db: Connection, unit: int, leaves: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return the newest files of these names of a unit's source, by every end of their paths."""
    rows = db.execute(
        "SELECT f.name, f.subject, f.size FROM json_each(?) j CROSS JOIN unit u"
        " JOIN unit f ON f.leaf = j.value AND f.device = u.device AND f.source = u.source"
        " WHERE u.id = ? AND f.leaf <> '' ORDER BY f.id DESC LIMIT ?",
        (json.dumps(sorted(leaves)), unit, MOST_FILES),
    )
    found: dict[str, tuple[str, int]] = {}
    for name, subject, size in rows:
        tail = str(subject)
        for _ in range(_DEPTH):
            found.setdefault(tail, (str(name), int(size)))
            _, slash, tail = tail.partition("/")
            if not slash:
                break
    return found


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
