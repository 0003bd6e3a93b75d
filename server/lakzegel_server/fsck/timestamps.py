# SPDX-License-Identifier: EUPL-1.2
"""Tokens over checkpoints: their files, what they are over, and whom they lead to."""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.x509 import Certificate, load_pem_x509_certificate

from lakzegel_core.checkpoint import LogKeys, open_checkpoint
from lakzegel_core.errors import LakzegelError, TimestampError
from lakzegel_core.limits import MAX_CHECKPOINT
from lakzegel_core.timenames import ROOTS, Name
from lakzegel_core.timerenewal import MAX_LIST, parse_list
from lakzegel_core.timetoken import MAX_ANSWER, MAX_ROOT, fingerprint, open_token, pem
from lakzegel_server.fsck.doubts import Survey
from lakzegel_server.fsck.rows import Rows
from lakzegel_server.logstore import LogStore
from lakzegel_server.timestamping.kept import Row

FOLDER: Final = "timestamps"


def check_timestamps(found: Survey, rows: Rows, keys: LogKeys, store: LogStore) -> None:
    """Every token that was kept is there, holds, and is over a tree that this log had."""
    names = sorted({row.root for row in rows.timestamps})
    roots = {name: _root(found, name) for name in names}
    known = {row.name: (row.token, row.root) for row in rows.timestamps}
    for row in rows.timestamps:
        try:
            name = row.named
        except ValueError as error:
            found.doubt(found.index, f"table timestamps: {error}")
            continue
        limit = MAX_LIST if name.renewal else MAX_CHECKPOINT
        stamped = _file(found, f"{FOLDER}/{name.stamped}", row.stamped, limit)
        answer = _file(found, f"{FOLDER}/{name.answer}", row.token, MAX_ANSWER)
        if stamped is None:
            continue
        if name.renewal:
            _check_list(found, name, stamped, keys.origin, known)
        else:
            _check_stamped(found, name, stamped, keys, store)
        root = roots[row.root]
        if answer is not None and root is not None:
            _check_token(found, row, answer, stamped, root)


def _root(found: Survey, name: str) -> Certificate | None:
    place = f"{FOLDER}/{ROOTS}/{name}.pem"
    data = found.read(place, MAX_ROOT)
    if data is None:
        return None
    try:
        root = load_pem_x509_certificate(data)
    except ValueError:
        found.doubt(place, "is no certificate")
        return None
    if pem(root) != data or fingerprint(root) != name:
        found.doubt(place, "is not the certificate that it is named after")
        return None
    return root


def _file(found: Survey, place: str, digest: bytes, limit: int) -> bytes | None:
    data = found.read(place, limit)
    if data is not None and hashlib.sha256(data).digest() != digest:
        found.doubt(place, "is not the file that was kept")
        return None
    return data


def _check_list(
    found: Survey, name: Name, stamped: bytes, origin: str, known: dict[str, tuple[bytes, str]]
) -> None:
    place = f"{FOLDER}/{name.stamped}"
    try:
        log, tokens = parse_list(stamped)
    except (LakzegelError, ValueError) as error:
        found.doubt(place, str(error))
        return
    if log != origin:
        found.doubt(place, "renews tokens of another log")
    for token in tokens:
        if known.get(token.name) != (token.token, token.root):
            found.doubt(place, f"renews {token.name}, which is not the token that is here")


def _check_stamped(
    found: Survey, name: Name, stamped: bytes, keys: LogKeys, store: LogStore
) -> None:
    place, size = f"{FOLDER}/{name.stamped}", name.number
    try:
        tree = open_checkpoint(stamped, keys).checkpoint
        same = tree.size == size and tree.root == store.root(size)
    except (LakzegelError, OSError) as error:
        found.doubt(place, str(error))
        return
    if not same:
        found.doubt(place, f"is no tree that this log had at size {size}")


def _check_token(found: Survey, row: Row, answer: bytes, stamped: bytes, root: Certificate) -> None:
    place = f"{FOLDER}/{row.named.answer}"
    try:
        token = open_token(answer, stamped, [root], nonce=None)
    except TimestampError as error:
        found.doubt(place, str(error))
        return
    if (token.at, token.expires) != (row.at, row.expires):
        found.doubt(found.index, f"table timestamps: {row.name} has another time than its token")
