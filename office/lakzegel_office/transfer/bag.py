# SPDX-License-Identifier: EUPL-1.2
"""BagIt 1.0 (RFC 8493) around a delivery: docs/spec/transfer.md §7.

bagit.txt
bag-info.txt
manifest-sha256.txt, manifest-sha512.txt           of data/
tagmanifest-sha256.txt, tagmanifest-sha512.txt     of the four above
data/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lakzegel_office.transfer.mdto import moment
from lakzegel_office.transfer.model import Role, Written
from lakzegel_office.transfer.outfolder import OutFolder
from lakzegel_office.transfer.sip import Order

PAYLOAD: Final = "data/"
_DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_DIGESTS: Final[dict[str, Callable[[Written], str]]] = {
    "sha256": lambda file: file.sha256,
    "sha512": lambda file: file.sha512,
}


def close_bag(out: OutFolder, order: Order) -> None:
    """Write everything of a bag but its payload, which is written."""
    payload = list(out.written)
    tags = [
        _tag(out, "bagit.txt", _DECLARATION),
        _tag(out, "bag-info.txt", bag_info(payload, order)),
    ]
    tags += [_tag(out, f"manifest-{n}.txt", manifest(payload, of)) for n, of in _DIGESTS.items()]
    for name, of in _DIGESTS.items():
        _tag(out, f"tagmanifest-{name}.txt", manifest(tags, of))


def bag_info(payload: Iterable[Written], order: Order) -> bytes:
    """Return the bag's metadata."""
    files = list(payload)
    size = sum(file.size for file in files)
    rows = {
        "Source-Organization": order.org,
        "Contact-Email": order.settings.contact,
        "External-Identifier": order.name,
        "External-Description": order.request,
        "Bagging-Date": moment(order.created)[:10],
        "Payload-Oxum": f"{size}.{len(files)}",
        "Bag-Software-Agent": "Lakzegel",
    }
    lines = [f"{name}: {_line(value)}\n" for name, value in rows.items() if value]
    return "".join(lines).encode("utf-8", "replace")


def manifest(files: Iterable[Written], digest: Callable[[Written], str]) -> bytes:
    """Return lines of digest and path, in the order of the paths."""
    lines = sorted((encoded(file.path), digest(file)) for file in files)
    return "".join(f"{value}  {path}\n" for path, value in lines).encode()


def encoded(path: str) -> str:
    """Return a path as a manifest has it: line ends and `%` percent-encoded (RFC 8493 §2.1.3)."""
    return path.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _tag(out: OutFolder, name: str, data: bytes) -> Written:
    return out.write(name, [data], title=name, role=Role.ABOUT)


def _line(value: str) -> str:
    """Return a value on one line."""
    return " ".join(value.split())
