# SPDX-License-Identifier: EUPL-1.2
"""Mirrored batches, keyrings and annexes against what the log says of them; no key is needed."""

import hashlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core import limits
from lakzegel_core.errors import LakzegelError
from lakzegel_core.manifest import ENTRY_SIZE, ManifestEntry
from lakzegel_office.batchfile import batch_id, map_file, read_header, read_manifest
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.headers import HeaderRecord
from lakzegel_office.mirror import read_limited

MISSING = "missing; run pull"
LET_GO: Final = 2 << 20  # bytes that stay in memory once they were hashed


@dataclass(frozen=True, slots=True)
class CheckTask:
    """One batch and its keyring, to be held against the log; `name…` is for messages."""

    record: HeaderRecord
    batch: Path
    batch_name: str
    keyring: Path
    keyring_name: str
    keyring_digest: bytes


def begin() -> None:
    """Prepare a process for `check_task`: nothing is needed, for no key is."""


def check_task(task: CheckTask) -> list[Doubt]:
    """Return what is wrong with a batch and its keyring; runs in a process of its own."""
    return [
        *check_batch(task.batch, task.batch_name, task.record),
        *check_digest(
            task.keyring,
            task.keyring_name,
            task.keyring_digest,
            limit=limits.MAX_KEYRING,
            batch=task.record.name,
        ),
    ]


def check_batch(path: Path, name: str, record: HeaderRecord) -> Iterator[Doubt]:
    """Yield what is wrong with a batch file: header, manifest, each item's bytes."""
    try:
        with map_file(path) as data:
            header_bytes, header = read_header(data)
            if batch_id(header_bytes) != record.batch_id:
                yield Doubt(name, "its header is not the log's", "digest-mismatch", record.name)
                return
            entries = read_manifest(data, len(header_bytes), header)
            start = len(header_bytes) + len(entries) * ENTRY_SIZE
            for index in _wrong_items(data, start, entries):
                what = "the sealed bytes are not those of the manifest"
                yield Doubt(name, what, "digest-mismatch", record.name, index)
    except FileNotFoundError:
        yield Doubt(name, MISSING, "missing", record.name)
    except LakzegelError as error:
        yield Doubt(name, str(error), error.code, record.name)
    except DoubtError as error:
        yield Doubt(name, str(error), "unreadable", record.name)
    except OSError as error:
        yield Doubt(name, f"cannot be read: {error.strerror}", "unreadable", record.name)


def check_digest(
    path: Path, name: str, expected: bytes, *, limit: int, batch: str | None
) -> Iterator[Doubt]:
    """Yield what is wrong with a small file whose SHA-256 the log names."""
    try:
        data = read_limited(path, limit)
    except FileNotFoundError:
        yield Doubt(name, MISSING, "missing", batch)
    except (DoubtError, OSError) as error:
        yield Doubt(name, str(error), "unreadable", batch)
    else:
        if hashlib.sha256(data).digest() != expected:
            yield Doubt(name, "not the bytes that the log names", "digest-mismatch", batch)


def _wrong_items(data: mmap.mmap, start: int, entries: tuple[ManifestEntry, ...]) -> Iterator[int]:
    """Yield the index of each item whose bytes are not what the manifest says."""
    let_go = 0
    with memoryview(data) as view:
        for index, entry in enumerate(entries):
            with view[start : start + entry.length] as piece:
                if hashlib.sha256(piece).digest() != entry.sha256:
                    yield index
            start += entry.length
            if start - let_go >= LET_GO:
                let_go = start - start % mmap.PAGESIZE
                _forget(data, let_go)


def _forget(data: mmap.mmap, end: int) -> None:
    """Let the system take back the pages of what was hashed, where it can be told."""
    advice = getattr(mmap, "MADV_DONTNEED", None)
    if advice is not None and end:
        data.madvise(advice, 0, end)
