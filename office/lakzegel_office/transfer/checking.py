# SPDX-License-Identifier: EUPL-1.2
"""Looking at a delivery as whoever receives it would: what lies there, and is every XML valid.

docs/spec/transfer.md §8. The official schema is used where its place is given; it is not ours to
hand out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_office.errors import DoubtError
from lakzegel_office.transfer.mdto import NAMESPACE
from lakzegel_office.transfer.model import Role
from lakzegel_office.transfer.outfolder import MARK, OutFolder
from lakzegel_office.transfer.validity import Official

MAX_NAME: Final = 255  # characters
FORBIDDEN: Final = frozenset('<>:"/\\|?*#& ')
_NAME: Final = f"{{{NAMESPACE}}}"
_MANDATORY: Final = {
    "informatieobject": (
        "identificatie",
        "naam",
        "waardering",
        "archiefvormer",
        "beperkingGebruik",
    ),
    "bestand": (
        "identificatie",
        "naam",
        "omvang",
        "bestandsformaat",
        "checksum",
        "isRepresentatieVan",
    ),
}


def check_delivery(out: OutFolder, below: str, schema: Path | None) -> None:
    """Check names, files and metadata of a delivery.

    Raises:
        DoubtError: something in it is not as it must be.
        UsageError: the schema cannot be read.
    """
    known = [file.path for file in out.written]
    lying = sorted(_lying(out.root))
    if lying != sorted(known):
        raise DoubtError(f"{out.root.name}: what lies there is not what was written")
    _check_names(path.removeprefix(below) for path in known)
    sidecars = [file.path for file in out.written if file.role is Role.METADATA]
    official = Official.read(schema) if schema is not None else None
    for path in sidecars:
        _check_sidecar(out.root, path, official)


def _check_names(paths: Iterator[str]) -> None:
    leaves: set[str] = set()
    for path in paths:
        for part in path.split("/"):
            if len(part) > MAX_NAME or FORBIDDEN & set(part) or not part.isascii():
                raise DoubtError(f"{path}: a name that e-depots refuse")
        leaf = path.rpartition("/")[2].lower()
        if leaf in leaves:
            raise DoubtError(f"{path}: its name is not unique in the delivery")
        leaves.add(leaf)


def _check_sidecar(root: Path, path: str, official: Official | None) -> None:
    try:
        tree = ET.parse(root / path)  # noqa: S314  # written by us a moment ago
    except ET.ParseError as error:
        raise DoubtError(f"{path}: not XML: {error}") from error
    if official is not None:
        reason = official.fault(tree)
        if reason:
            raise DoubtError(f"{path}: not valid: {reason}")
    (inner,) = tree.getroot()
    missing = [name for name in _mandatory(inner) if inner.find(_NAME + name) is None]
    if missing:
        raise DoubtError(f"{path}: {missing[0]} is missing")


def _mandatory(inner: ET.Element) -> Sequence[str]:
    return _MANDATORY[inner.tag.removeprefix(_NAME)]


def _lying(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = (Path(folder) / name).relative_to(root).as_posix()
            if path != MARK:
                yield path
