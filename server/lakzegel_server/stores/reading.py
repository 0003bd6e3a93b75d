# SPDX-License-Identifier: EUPL-1.2
"""Files and bytes that are read like an object of any store."""

from __future__ import annotations

import io
import os
from typing import IO, Final, Self


class FileReading:
    """A file that is being read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size: Final = os.fstat(file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        while len(data) < size and (more := self._file.read(size - len(data))):
            data += more  # of a folder on a network, which may give less at a time
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BytesReading(io.BytesIO):
    """Bytes that are at hand."""

    @property
    def size(self) -> int:
        """How many they are."""
        return self.getbuffer().nbytes
