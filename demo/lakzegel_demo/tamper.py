# SPDX-License-Identifier: EUPL-1.2
"""A copy of the office in which one bit of one sealed batch is not what it was."""

import os
import shutil
from pathlib import Path

from lakzegel_demo.errors import NotProvenError
from lakzegel_demo.parties import verify
from lakzegel_demo.process import Children


def flip_one_bit(office: Path, copy: Path, batch_id: str) -> tuple[Path, int]:
    """Copy what verify reads, flip a bit in the middle of a batch; return file and offset.

    Only the altered file is a copy of its own: the others are hard links and never written.
    """
    shutil.copytree(office / "mirror", copy / "mirror", copy_function=_link)
    shutil.copyfile(office / "office.toml", copy / "office.toml")
    batch = copy / "mirror" / "batches" / f"{batch_id}.batch"
    data = bytearray(batch.read_bytes())
    offset = len(data) * 3 // 4  # past header and manifest, in a sealed item
    data[offset] ^= 1
    batch.unlink()
    batch.write_bytes(data)
    return batch, offset


def show_detection(children: Children, copy: Path, batch: str) -> str:
    """Return the line in which verify names the altered batch, `device/epoch/batch`.

    Raises:
        NotProvenError: verify did not notice, or did not say where.
    """
    done = verify(children, copy)
    if done.code != 1:
        raise NotProvenError(f"verify ended with {done.code} on a mirror with a flipped bit")
    for line in done.stdout.splitlines():
        if batch in line and not line.startswith("NOT VERIFIED"):
            return line
    raise NotProvenError(f"verify noticed a flipped bit and did not name batch {batch}")


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
    return target


def remove(copy: Path) -> None:
    """Remove the altered copy."""
    shutil.rmtree(copy, ignore_errors=True)
