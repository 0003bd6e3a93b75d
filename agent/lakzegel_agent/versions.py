# SPDX-License-Identifier: EUPL-1.2
"""Which version of the agent is proven on this device, and which is not (docs/spec/updates.md §1).

A line of text a file, for the package's launcher reads and writes them too, and is a shell's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lakzegel_agent import durable

FOLDER: Final = "version"
LONGEST: Final = 200  # bytes of a line


@dataclass(frozen=True, slots=True)
class Versions:
    """The version folder."""

    folder: Path

    @property
    def proven(self) -> str | None:
        """The last version that made a whole look at everything here."""
        words = self._words("proven")
        return words[0] if words else None

    @property
    def checked(self) -> str | None:
        """How the last self-check ended, and of which version."""
        return " ".join(self._words("checked")) or None

    def knows(self, version: str) -> bool:
        """Whether this version made what is here, passed its self-check here, or is proven."""
        passed = (f"made {version}", f"self-check ok {version}")
        return self.proven == version or self.checked in passed

    @property
    def bad(self) -> tuple[str, str] | None:
        """The version that is not started here again, and why."""
        words = self._words("bad")
        return (words[0], words[1] if len(words) > 1 else "unknown") if words else None

    def note_check(self, line: str) -> None:
        """Keep how a self-check ended."""
        self._write("checked", line)

    def note_made(self, version: str) -> None:
        """Keep that this version made what is here: it need not be checked."""
        self._write("checked", f"made {version}")

    def prove(self, version: str, *, keep_bad: bool) -> None:
        """Keep that this version works; what was counted against it is gone."""
        self._write("proven", version)
        for name in ("tries",) if keep_bad else ("tries", "bad"):
            (self.folder / name).unlink(missing_ok=True)

    def ended_orderly(self, version: str) -> None:
        """Keep that this version's life came to an end of which it is not to blame."""
        if (self.folder / "tries").exists():
            self._write("tries", f"{version} 0")

    def shown(self) -> dict[str, Any]:
        """What `status` shows."""
        bad = self.bad
        return {
            "proven": self.proven,
            "checked": self.checked,
            "bad": None if bad is None else {"version": bad[0], "why": bad[1]},
        }

    def _words(self, name: str) -> list[str]:
        try:
            with (self.folder / name).open("rb") as file:
                line = file.read(LONGEST).decode("ascii")
        except (OSError, ValueError):
            return []
        return line.split("\n", 1)[0].split()

    def _write(self, name: str, line: str) -> None:
        with suppress(FileExistsError):
            durable.make_folder(self.folder)
        durable.write_file(self.folder / name, f"{line}\n".encode("ascii"))
