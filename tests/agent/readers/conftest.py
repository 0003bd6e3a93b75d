# SPDX-License-Identifier: EUPL-1.2
"""What every reader's tests use: samples of our own, and the pieces a reader makes of them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from lakzegel_agent.readers import reader_of
from lakzegel_agent.view import View

SAMPLES = Path(__file__).parent / "samples"
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    return lambda name: (SAMPLES / name).read_bytes()


@pytest.fixture
def pieces() -> Callable[[str, bytes, bytes], list[bytes]]:
    """The segments of these bytes; they are checked to be all of it, in order."""

    def cut(kind: str, path: bytes, data: bytes) -> list[bytes]:
        ends = list(reader_of(kind).cut(path, View.of_bytes(data)))
        found = [data[start:end] for start, end in pairwise([0, *ends])]
        assert all(found)
        assert b"".join(found) == data
        return found

    return cut


@pytest.fixture
def shared() -> Callable[[str], list[Path]]:
    """Files of others that lie beside the checkout; the test is skipped where they do not."""

    def files(name: str) -> list[Path]:
        found = sorted((SHARED / name).iterdir()) if (SHARED / name).is_dir() else []
        if not found:
            pytest.skip(f"no {SHARED / name}")
        return found

    return files
