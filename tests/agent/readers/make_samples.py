# SPDX-License-Identifier: EUPL-1.2
"""Makes the samples that no editor can write: `python tests/agent/readers/make_samples.py`.

Each is the least that its format's public description calls such a file, with nobody's content.
"""

import hashlib
import struct
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
SECTOR = 512
FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def noise(label, size):
    """Return bytes that look encrypted, the same each time."""
    return hashlib.shake_256(label.encode()).digest(size)


def pst():
    """[MS-PST] 2.2.2.6: the header of a Unicode store that says it ends at byte 1,024."""
    data = bytearray(1024)
    data[0:4] = b"!BDN"
    data[8:12] = b"SM" + struct.pack("<H", 23)
    data[184:192] = struct.pack("<Q", len(data))
    return bytes(data)


def msg():
    """[MS-CFB] 2.2: header, one sector of table, a root entry, and a stream of three sectors."""
    header = (
        bytes.fromhex("d0cf11e0a1b11ae1")
        + bytes(16)
        + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
        + struct.pack("<9I", 0, 1, 1, 0, 4096, END, 0, END, 0)  # one of table, the root's is 1
        + struct.pack("<109I", 0, *[FREE] * 108)  # where the table is
    )
    table = struct.pack("<128I", TABLE, END, 3, 4, END, *[FREE] * 123)
    root = "Root Entry".encode("utf-16-le").ljust(64, b"\0")
    root += struct.pack("<HBB3I36xIQ", 22, 5, 1, FREE, FREE, FREE, END, 0)
    stream = b"tekst van een nota".ljust(3 * SECTOR, b"\0")
    return header + table + root.ljust(SECTOR, b"\0") + stream


def signal(*, lengths_in_the_clear):
    """A header frame with IV and salt, then frames that only a passphrase opens."""
    fields = b"\x0a\x10" + noise("iv", 16) + b"\x12\x20" + noise("salt", 32)
    if not lengths_in_the_clear:
        fields += b"\x18\x01"  # the version
    header = b"\x0a" + bytes([len(fields)]) + fields
    data = struct.pack(">I", len(header)) + header
    for number, size in enumerate((30, 200, 12)):
        length = struct.pack(">I", size)
        data += length if lengths_in_the_clear else noise(f"length {number}", 4)
        data += noise(f"frame {number}", size)
    return data


def made():
    """Return every sample by name."""
    return {
        "archief.pst": pst(),
        "nota.msg": msg(),
        "signal-2024-03-12-08-01-00.backup": signal(lengths_in_the_clear=True),
        "signal-2024-03-13-08-01-00.backup": signal(lengths_in_the_clear=False),
    }


if __name__ == "__main__":
    for name, data in made().items():
        (SAMPLES / name).write_bytes(data)
