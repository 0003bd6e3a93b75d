# SPDX-License-Identifier: EUPL-1.2
"""A xar archive: a table of contents in XML, and the files after it (docs/spec/flat-package.md §2).

The checksums are SHA-1, which is what every version of macOS reads; they find damage. What vouches
for the archive is the signature that `productsign` adds.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree as ET

from lakzegel_frozen.entries import Entry
from lakzegel_frozen.identity import EPOCH

HEADER: Final = struct.Struct(">IHHQQI")
MAGIC: Final = 0x78617221  # xar!
VERSION: Final = 1
SHA1: Final = 1
CHECKSUM: Final = 20  # bytes


def pack(entries: Sequence[Entry]) -> bytes:
    """The archive; a folder comes before what is in it."""
    heap: list[bytes] = []
    table = zlib.compress(_table(entries, heap), 9)
    header = HEADER.pack(MAGIC, HEADER.size, VERSION, len(table), _plain(table), SHA1)
    return header + table + _sha1(table).digest() + b"".join(heap)


def _plain(table: bytes) -> int:
    return len(zlib.decompress(table))


def _sha1(data: bytes) -> hashlib._Hash:
    return hashlib.sha1(data, usedforsecurity=False)


def _table(entries: Sequence[Entry], heap: list[bytes]) -> bytes:
    """The table of contents; the files' bytes are appended to the heap."""
    top = ET.Element("xar")
    toc = ET.SubElement(top, "toc")
    checksum = ET.SubElement(toc, "checksum", style="sha1")
    _say(checksum, "size", CHECKSUM)
    _say(checksum, "offset", 0)
    _say(toc, "creation-time", f"{datetime.fromtimestamp(EPOCH, UTC):%Y-%m-%dT%H:%M:%S}")
    folders = {"": toc}
    offset = CHECKSUM
    for number, entry in enumerate(entries, start=1):
        parent, _, name = entry.name.rpartition("/")
        element = ET.SubElement(folders[parent], "file", id=str(number))
        if entry.is_folder:
            folders[entry.name] = element
        else:
            content = entry.read()
            _data(element, content, offset)
            heap.append(content)
            offset += len(content)
        _say(element, "type", "directory" if entry.is_folder else "file")
        _say(element, "name", name)
        _say(element, "mode", f"{entry.mode:04o}")
    ET.indent(top, " ")
    text: bytes = ET.tostring(top, "utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + text + b"\n"


def _data(element: ET.Element, content: bytes, offset: int) -> None:
    """Where a file's bytes are, as they are: what is large in a package is compressed already."""
    data = ET.SubElement(element, "data")
    _say(data, "length", len(content))
    _say(data, "offset", offset)
    _say(data, "size", len(content))
    ET.SubElement(data, "encoding", style="application/octet-stream")
    for name in ("extracted-checksum", "archived-checksum"):
        ET.SubElement(data, name, style="sha1").text = _sha1(content).hexdigest()


def _say(parent: ET.Element, name: str, value: str | int) -> None:
    ET.SubElement(parent, name).text = str(value)
