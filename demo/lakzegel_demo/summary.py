# SPDX-License-Identifier: EUPL-1.2
"""What was shown: the figures for a program, and the lines for a person."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

UNITS: Final = ("B", "KiB", "MiB", "GiB")
STEP: Final = 1024


@dataclass(slots=True)
class Summary:
    """The content of `OUT/summary.json`; the names of the fields are its keys."""

    found: int = 0
    sealed: int = 0
    excluded: int = 0
    failed: int = 0
    batches: int = 0
    bytes_read: int = 0
    bytes_sealed: int = 0
    seconds: float = 0.0
    seconds_capture: float = 0.0
    seconds_pull: float = 0.0
    seconds_restore: float = 0.0

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(slots=True)
class Shown:
    """Everything that the demo proved, for the closing lines."""

    summary: Summary = field(default_factory=Summary)
    devices: list[str] = field(default_factory=list)  # verify's line a device
    identical: dict[str, int] = field(default_factory=dict)  # source to number of files
    detected: str = ""  # verify's line about the flipped bit
    verdict: str = ""  # what the judge read

    def lines(self, out: Path, *, kept: bool) -> Iterator[str]:
        """Yield the closing summary, without its last line."""
        figures = self.summary
        yield (
            f"captured   {figures.found} versions of files: {figures.sealed} sealed, "
            f"{figures.excluded} excluded, {figures.failed} failed"
        )
        yield (
            f"sealed     {figures.batches} batches; {size(figures.bytes_read)} read, "
            f"{size(figures.bytes_sealed)} stored, unreadable to agent and receiver"
        )
        yield (
            f"took       capture {figures.seconds_capture:.1f} s, "
            f"pull {figures.seconds_pull:.1f} s, restore {figures.seconds_restore:.1f} s, "
            f"the whole path {figures.seconds:.1f} s"
        )
        yield from (f"proven     {line}" for line in self.devices)
        yield f"identical  {_counted(self.identical)}, byte for byte"
        yield f"tampered   one bit flipped in a copy, and verify says: {self.detected}"
        yield f"judge      {self.verdict}"
        if kept:
            yield f"kept       {out}"


def size(count: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(count)
    for unit in UNITS[:-1]:
        if value < STEP:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= STEP
    return f"{value:.1f} {UNITS[-1]}"


def _counted(files: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} ({count} file{'' if count == 1 else 's'})" for name, count in files.items()
    )
