# SPDX-License-Identifier: EUPL-1.2
"""Whether what lies sealed in `disposals/`, and the lists, are what certificates and log say.

docs/spec/disposal.md §8, steps 7 and 8: for whoever has the keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from lakzegel_core import age, limits
from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64, canonical_json, unb64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.merkle import leaf_hash, root_of
from lakzegel_office.batchfile import map_file, read_header, read_manifest
from lakzegel_office.commands.common import Office
from lakzegel_office.commands.evidence import identities
from lakzegel_office.destroying.checking import CODE, Certificate, doubt_of
from lakzegel_office.destroying.lists import JOURNAL, DestructionList, Lists
from lakzegel_office.destroying.staging import ANNEX, folder_of
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.extracted import extract_name
from lakzegel_office.extracts import MAX_EXTRACT, open_extract
from lakzegel_office.headers import place_of
from lakzegel_office.mirror import Mirror, read_limited
from lakzegel_office.names import ItemId
from lakzegel_office.replay import Replay

_SLACK: Final = 65_536  # bytes of an age header


class SealedCheck:
    """Opens what certificates name, and reads the lists."""

    def __init__(self, office: Office, replay: Replay, certificates: Sequence[Certificate]) -> None:
        """Keep the office, the mirrored log and the certificates that could be read."""
        self._office = office
        self._replay = replay
        self._certificates = certificates
        self._records = {place_of(record): record for record in replay.accepted}

    def run(self) -> Iterator[Doubt]:
        """Yield what does not fit."""
        keys = identities(self._office)
        for found in self._certificates:
            annex = found.folder / ANNEX
            if annex.exists() and (why := _wrong(annex, found.annex, keys)):
                yield doubt_of(annex, why)
            for item, digest in found.extracts.items():
                path = found.folder / extract_name(ItemId.parse(item))
                if path.exists() and (why := self._wrong_extract(path, item, digest, keys)):
                    yield doubt_of(path, why)
        try:
            lists = Lists(self._office).all()
        except DoubtError as error:
            yield Doubt(f"records/{JOURNAL}.jsonl", str(error), CODE)
            return
        for one in lists.values():
            if one.withdrawn is not None:
                yield from self._carried_out(one)

    def _wrong_extract(
        self, path: Path, item: str, digest: str, keys: Sequence[Identity]
    ) -> str | None:
        """Return why an extract is not what was left of what the device signed; else None."""
        if why := _wrong(path, digest, keys):
            return why
        try:
            found = open_extract(path.read_bytes(), keys)
            leaves = [
                unb64(found.core, what="core"),
                leaf_hash(canonical_json(dict(found.context))),
            ]
            said = root_of(leaves)
            if str(found.item) != item or b64(said) != found.commitment:
                return "is of another segment, or says another context of it"
            if said != self._committed(found.item):
                return "is of no segment that the device signed"
        except (LakzegelError, OSError, KeyError) as error:
            return f"cannot be held against its segment: {error}"
        return None

    def _committed(self, item: ItemId) -> bytes:
        """Return the commitment that the manifest of an item's batch has."""
        record = self._records[item.device, item.epoch, item.batch]
        with map_file(Mirror(self._office.home.mirror).batch(record.batch_id)) as data:
            head, header = read_header(data)
            return read_manifest(data, len(head), header)[item.index].commitment

    def _carried_out(self, found: DestructionList) -> Iterator[Doubt]:
        """What the journal says of a list is what its folder and the log say."""
        folder = folder_of(self._office.home, found.number, found.round)
        here = {one.folder: one for one in self._certificates}
        certificate = here.get(folder)
        if certificate is None or b64(certificate.digest) != found.deed:
            yield doubt_of(folder, f"not the certificate that was approved of list {found.number}")
            return
        items = {
            f"{device}/{epoch}/{number}/{index}"
            for (device, epoch, number), some in certificate.items.items()
            for index in some
        }
        if items != set(found.items) or set(certificate.units) != {*found.units, *found.dropped}:
            yield doubt_of(folder, f"not the units and items of list {found.number}")
        known = {(row.index, row.change.certificate) for row in self._replay.changes}
        for batch, entry, _, _ in found.entries:
            if (entry, certificate.digest) not in known:
                yield doubt_of(folder, f"entry {entry} of the log is not of it, for {batch}")
        for name, digest in found.files.items():
            path = folder / name
            data = read_limited(path, limits.MAX_BATCH) if path.exists() else b""
            if hashlib.sha256(data).hexdigest() != digest:
                yield doubt_of(path, "not what was written when the list was carried out")


def _wrong(path: Path, digest: str, keys: Sequence[Identity]) -> str | None:
    """Return why what is in a sealed file is not what a certificate names; else None."""
    try:
        data = read_limited(path, MAX_EXTRACT + _SLACK)
        plain = age.decrypt(data, keys, max_size=MAX_EXTRACT)
    except LakzegelError as error:
        return f"cannot be opened: {error}"
    if hashlib.sha256(plain).hexdigest() != digest:
        return "what is in it is not what the certificate names"
    return None
