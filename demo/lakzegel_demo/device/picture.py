# SPDX-License-Identifier: EUPL-1.2
"""Small real pictures and documents, drawn here."""

import struct
import zlib
from random import Random
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, seed: int) -> bytes:
    """Return a PNG: a slope of colour with noise, so that it compresses as little as a photo."""
    chance = Random(seed)
    red, green, blue = (chance.randrange(256) for _ in range(3))
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # the row's filter: none
        noise = chance.randbytes(width)
        for x in range(width):
            grain = noise[x] & 31
            rows += bytes(((red + x + grain) & 255, (green + y) & 255, (blue + x + y) & 255))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a colour, RGB
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def pdf(text: str) -> bytes:
    """Return a PDF of one page with one line of text."""
    drawing = b"BT /F1 14 Tf 72 720 Td (%s) Tj ET" % text.encode("latin-1", "replace")
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
            b"/Resources<</Font<</F1 5 0 R>>>>>>"
        ),
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R>>\n" % (len(bodies) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checked)
