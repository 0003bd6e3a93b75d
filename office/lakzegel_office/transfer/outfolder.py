# SPDX-License-Identifier: EUPL-1.2
"""The folder that a delivery is written to: `OUT.part` until it is whole, then `OUT`.

docs/spec/transfer.md §8. What a crash left is not named OUT, and is taken away by the next export
to the same place; a folder that is not ours is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lakzegel_office import durable
from lakzegel_office.errors import OfficeError, UsageError
from lakzegel_office.transfer.model import Role, Seal, Written

MARK: Final = ".lakzegel-export"  # in a folder that is not whole yet, and only there
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FullError(OfficeError):
    """There is no room for the delivery."""

    exit_code = 4


@dataclass(slots=True)
class OutFolder:
    """Writes files below a folder, each once, and knows what it wrote."""

    root: Path
    written: list[Written] = field(default_factory=list)

    def write(
        self,
        path: str,
        pieces: Iterable[bytes],
        *,
        title: str,
        role: Role,
        seals: tuple[Seal, ...] = (),
        how: str = "",
    ) -> Written:
        """Write one file, and return what it is.

        Raises:
            FileExistsError: it was written already.
        """
        place = self.root / path
        durable.make_folder(place.parent)  # each for its owner alone, whatever the umask
        digests = hashlib.sha256(), hashlib.sha512()
        size = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(place, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                    size += len(piece)
                    for digest in digests:
                        digest.update(piece)
        except BaseException:
            place.unlink()
            raise
        made = Written(
            path, title, role, size, digests[0].hexdigest(), digests[1].hexdigest(), seals, how
        )
        self.written.append(made)
        return made

    def drop(self, folder: str) -> None:
        """Take a folder away again whose record could not be written whole."""
        place = self.root / folder
        shutil.rmtree(place, ignore_errors=True)
        with contextlib.suppress(OSError):  # the first that has something else in it stays
            for above in place.relative_to(self.root).parents[:-1]:
                (self.root / above).rmdir()
        self.written = [f for f in self.written if not f.path.startswith(f"{folder}/")]


@contextlib.contextmanager
def out_folder(out: Path) -> Iterator[OutFolder]:
    """Give a new folder to write to, which becomes `out` where nothing fails.

    Raises:
        UsageError: `out` exists, or what is called `OUT.part` is not ours.
        FullError: there is no room.
    """
    part = out.with_name(out.name + durable.TEMPORARY)
    _make(out, part)
    try:
        yield OutFolder(part)
        (part / MARK).unlink()
        durable.settle_tree(part, out)
    except BaseException as error:
        with contextlib.suppress(OSError):
            shutil.rmtree(part)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise FullError(f"{out.parent}: no room for the delivery; nothing is left") from error
        raise


def tree_digest(files: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 over lines of digest and path, in the order of the paths' bytes."""
    lines = sorted((path.encode(), digest) for path, digest in files)
    text = b"".join(digest.encode() + b"  " + path + b"\n" for path, digest in lines)
    return hashlib.sha256(text).hexdigest()


def files_below(root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the paths of files below a folder, with `/`, in order."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        below = Path(folder).relative_to(root)
        for name in sorted(names):
            path = (below / name).as_posix()
            if wanted(path):
                yield path


def _make(out: Path, part: Path) -> None:
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out}: exists; give a new folder")
    if part.exists() or part.is_symlink():
        if not (part / MARK).is_file() or part.is_symlink():
            raise UsageError(f"{part}: is in the way, and no unfinished export; take it away")
        shutil.rmtree(part)
    try:
        part.mkdir(mode=0o700)
        (part / MARK).write_bytes(b"")
    except FileNotFoundError:
        raise UsageError(f"{out.parent}: no such folder") from None
    except OSError as error:
        if error.errno in _FULL:
            raise FullError(f"{out.parent}: no room for the delivery; nothing is left") from error
        why = f"{out.parent}: cannot be written to: {error.strerror}; give another folder"
        raise UsageError(why) from error
