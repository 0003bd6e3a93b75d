# SPDX-License-Identifier: EUPL-1.2
"""Rebuilding captured files, byte for byte, from the mirror alone.

Every batch is opened once. A segment is written straight to its offset in every version that it
is a piece of, so that memory holds one item and the plan. Nothing follows a link: all files are
made anew below folders that were made anew. A file that could not be made whole is removed and
named; the command's last line says whether there was one.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakzegel_core.age import Identity
from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_core.item import Item
from lakzegel_office import durable
from lakzegel_office.batchfile import open_batch
from lakzegel_office.errors import UsageError
from lakzegel_office.keys.keychain import Keychain
from lakzegel_office.names import VERSIONS, ItemId
from lakzegel_office.restoreplan import BatchKey, Piece, Plan, Target
from lakzegel_office.spread import in_turn, spread

MODE_MASK: Final = 0o777  # never set-user-id, set-group-id or sticky
SPREAD_FROM: Final = 2000  # segments; fewer are not worth a process's start


@dataclass(frozen=True, slots=True)
class Write:
    """One segment's way into one file; `alone` where it is the whole of it."""

    path: Path
    piece: Piece
    alone: Target | None


@dataclass(frozen=True, slots=True)
class BatchWrites:
    """All that comes out of one batch."""

    name: str
    batch: Path
    keyring: Path
    gone: Mapping[int, str]
    items: tuple[tuple[int, tuple[Write, ...]], ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore left."""

    files: int
    versions: int
    size: int
    problems: tuple[str, ...]


BatchFiles = tuple[str, Path, Path, Mapping[int, str]]  # its name, file, keyring; what is gone
Failures = list[tuple[int, str]]  # the target's number, and why it is not whole


def restore(
    plan: Plan,
    out: Path,
    batches: Mapping[BatchKey, BatchFiles],
    identities: Sequence[Identity],
) -> Restored:
    """Write every file of the plan below `out`; `batches` says where each lies, and what is gone.

    Raises:
        UsageError: a folder of a source is there already and holds something.
    """
    _make_folders(plan, out)
    failed: dict[int, str] = {}
    whole = _prepare_targets(plan, out, failed)
    tasks = _tasks(plan, out, batches, failed)
    texts = [identity.to_text() for identity in identities]
    many = sum(len(items) for items in plan.pieces.values()) >= SPREAD_FROM
    run = spread if many else in_turn
    for failures in run(tasks, write_batch, prepare=start_worker, arguments=(texts,)):
        failed.update(failures)
    for number in whole:
        if number not in failed:
            _finish(out, plan.targets[number], number, failed)
    problems = _remove_failed(plan, out, failed)
    done = [t for number, t in enumerate(plan.targets) if number not in failed]
    latest = sum(1 for target in done if target.latest)
    size = sum(target.size for target in done)
    return Restored(latest, len(done) - latest, size, (*plan.refused, *problems))


def _make_folders(plan: Plan, out: Path) -> None:
    """Make every folder that is needed, below sources' folders that were not there or empty."""
    folders = {target.parts[:-1] for target in plan.targets} | set(plan.folders)
    tops = sorted({folder[0] for folder in folders} | {VERSIONS})
    for top in tops:
        path = below(out, (top,))
        if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
            raise UsageError(f"{path}: not empty; restore into a folder that is")
    durable.make_folder(out)  # for its owner alone, whatever modes the files in it had
    for folder in sorted(folders):
        below(out, folder).mkdir(parents=True, exist_ok=True)


def _prepare_targets(plan: Plan, out: Path, failed: dict[int, str]) -> list[int]:
    """Make the files that are not written in one go; return their numbers."""
    numbers = []
    for number, target in enumerate(plan.targets):
        if target.pieces == 1:
            continue
        try:
            os.close(os.open(below(out, target.parts), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            numbers.append(number)
        except OSError as error:
            failed[number] = str(error.strerror)
    return numbers


def _tasks(
    plan: Plan,
    out: Path,
    batches: Mapping[BatchKey, BatchFiles],
    failed: dict[int, str],
) -> Iterator[BatchWrites]:
    """Yield each batch's work, in the order of the chain."""
    for key in sorted(plan.pieces):
        items = plan.pieces[key]
        if key not in batches:
            why = f"segment {key[0]}/{key[1]} is in no batch of this device"
            failed.update({piece.target: why for row in items.values() for piece in row})
            continue
        rows = tuple(
            (index, tuple(_write(plan, out, piece) for piece in items[index]))
            for index in sorted(items)
        )
        yield BatchWrites(*batches[key], rows)


def _write(plan: Plan, out: Path, piece: Piece) -> Write:
    target = plan.targets[piece.target]
    return Write(below(out, target.parts), piece, target if target.pieces == 1 else None)


def below(out: Path, parts: Sequence[bytes]) -> Path:
    """Return the path with exactly these bytes below `out`."""
    return out.joinpath(*(os.fsdecode(part) for part in parts))


_worker: list[Keychain] = []  # the keys of this process, set by `start_worker`


def start_worker(identities: Sequence[str]) -> None:
    """Give this process its keys."""
    _worker[:] = [Keychain([Identity.from_text(text) for text in identities])]


def write_batch(task: BatchWrites) -> Failures:
    """Open the segments asked for of one batch and write them; return what failed."""
    failures: Failures = []
    wanted = dict(task.items)
    try:
        with open_batch(task.batch, task.keyring, _worker[0]) as batch:
            known = [index for index in wanted if index < len(batch.entries)]
            for index in wanted.keys() - set(known):
                failures += _all_failed(
                    wanted[index], f"segment {task.name}/{index} does not exist"
                )
            for index, item in batch.items(known):
                name = f"{task.name}/{index}"
                if index in task.gone:
                    why = f"segment {name} was destroyed; {task.gone[index]}"
                    failures += _all_failed(wanted[index], why)
                    continue
                failures += _write_item(name, item, wanted[index])
    except (LakzegelError, OSError) as error:
        for writes in wanted.values():
            failures += _all_failed(writes, f"batch {task.name}: {error}")
    return failures


def _write_item(name: str, item: Item | LakzegelError, writes: Iterable[Write]) -> Failures:
    if isinstance(item, LakzegelError):
        return _all_failed(writes, f"segment {name}: {item}")
    failures: Failures = []
    for write in writes:
        piece = write.piece
        if item.core["kind"] != "segment" or b64(item.commitment) != piece.commitment:
            failures.append((piece.target, f"segment {name} is not the one that was captured"))
        elif len(item.payload) != piece.size:
            failures.append((piece.target, f"segment {name} is of another size"))
        else:
            failures += _write_bytes(write, item.payload)
    return failures


def _write_bytes(write: Write, payload: bytes) -> Failures:
    flags = os.O_WRONLY | os.O_NOFOLLOW
    if write.alone is not None:
        flags |= os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(write.path, flags, 0o600)
        try:
            _write_at(descriptor, payload, write.piece.offset)
            if write.alone is not None:
                _set_times(descriptor, write.alone)
        finally:
            os.close(descriptor)
    except (OSError, OverflowError) as error:
        return [(write.piece.target, str(error))]
    return []


def _write_at(descriptor: int, payload: bytes, offset: int) -> None:
    view = memoryview(payload)
    while view:
        done = os.pwrite(descriptor, view, offset)
        view, offset = view[done:], offset + done


def _set_times(descriptor: int, target: Target) -> None:
    os.fchmod(descriptor, target.mode & MODE_MASK)
    os.utime(descriptor, ns=(target.mtime, target.mtime))


def _finish(out: Path, target: Target, number: int, failed: dict[int, str]) -> None:
    """Give a file of several pieces, or of none, its mode and time, once it has its size."""
    try:
        descriptor = os.open(below(out, target.parts), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_size != target.size:
                failed[number] = "not all of it could be written"
            _set_times(descriptor, target)
        finally:
            os.close(descriptor)
    except (OSError, OverflowError) as error:
        failed[number] = str(error)


def _all_failed(writes: Iterable[Write], why: str) -> Failures:
    return [(write.piece.target, why) for write in writes]


def _remove_failed(plan: Plan, out: Path, failed: Mapping[int, str]) -> list[str]:
    problems = []
    for number, why in sorted(failed.items()):
        target = plan.targets[number]
        with contextlib.suppress(OSError):
            below(out, target.parts).unlink()
        problems.append(f"{target.item}: not restored: {why}")
    return problems


def batch_places(
    rows: Iterable[tuple[ItemId, Path, Path, Mapping[int, str]]],
) -> dict[BatchKey, BatchFiles]:
    """Return where each batch of one device lies, by epoch and number."""
    return {
        (row.epoch, row.batch): (f"{row.device}/{row.epoch}/{row.batch}", batch, keyring, gone)
        for row, batch, keyring, gone in rows
    }
