# SPDX-License-Identifier: EUPL-1.2
"""What the office states, as files for whoever carries them to the receiver (handover.md §2)."""

from pathlib import Path

from lakzegel_core import limits, note
from lakzegel_core.checkpoint import open_checkpoint
from lakzegel_core.finding import open_finding
from lakzegel_office import durable
from lakzegel_office.config import Config


class Replies:
    """A folder with one file a statement; the newest of each kind of cosignature."""

    def __init__(self, folder: Path, config: Config) -> None:
        """Keep where; nothing is written yet."""
        self._folder = folder
        self._config = config

    def cosignature(self, data: bytes) -> None:
        """Put a checkpoint with one cosignature there."""
        lines = note.parse(data, max_size=limits.MAX_CHECKPOINT).signatures
        role = lines[-1].name.rpartition("/")[2]
        size = open_checkpoint(data, self._config.log).checkpoint.size
        path = self._folder / f"cosignature-{size}-{role}"
        durable.write_file(path, data)
        for other in self._folder.glob(f"cosignature-*-{role}"):
            if other != path:
                other.unlink()

    def held(self, data: bytes) -> None:
        """Put a held statement there."""
        durable.write_file(self._folder / "held", data)

    def finding(self, data: bytes) -> None:
        """Put a finding there, once for each case."""
        found = open_finding(data, self._config.keys["held"])
        path = self._folder / f"finding-{found.header.hex()}-{found.code}"
        if not path.exists():
            durable.write_file(path, data)

    def annex(self, digest: str, data: bytes) -> None:
        """Put an annex there."""
        durable.write_file(self._folder / f"{digest}.annex", data)
