# SPDX-License-Identifier: EUPL-1.2
"""Which bytes a browser may show as a picture: by what they begin with, and how large they unfold.

What a mail says of its parts counts for nothing here. SVG is none: it can hold scripts.
"""

from __future__ import annotations

import struct
from typing import Final

MAX_BYTES: Final = 16 << 20
MAX_PIXELS: Final = 40_000_000  # 160 MB once unfolded
_MARKERS: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG's frame headers
_MAX_SEGMENTS: Final = 1_000
_PNG_HEAD, _GIF_HEAD, _WEBP_HEAD = 24, 10, 30


def picture_type(data: bytes) -> str | None:
    """Return the media type of a picture that may be shown, None for everything else."""
    found = picture_of(data)
    return found[0] if found else None


def picture_of(data: bytes) -> tuple[str, int] | None:
    """Return media type and pixels of a picture that may be shown, None for everything else."""
    if len(data) > MAX_BYTES:
        return None
    for kind, size in (
        ("image/png", _png(data)),
        ("image/jpeg", _jpeg(data)),
        ("image/gif", _gif(data)),
        ("image/webp", _webp(data)),
    ):
        if size is not None:
            pixels = size[0] * size[1]
            return (kind, pixels) if 0 < pixels <= MAX_PIXELS else None
    return None


def _png(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return None
    if len(data) < _PNG_HEAD:
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int] | None:
    if data[:6] not in {b"GIF87a", b"GIF89a"} or len(data) < _GIF_HEAD:
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < _WEBP_HEAD:
        return None
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8X":
        sides = data[24:27], data[27:30]
        return int.from_bytes(sides[0], "little") + 1, int.from_bytes(sides[1], "little") + 1
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if len(data) < at + 9 or data[at] != 0xFF:  # noqa: PLR2004 - a marker begins so
            return None
        if data[at + 1] in _MARKERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
