# SPDX-License-Identifier: EUPL-1.2
"""What was signed here and is kept below `notes/`: each file is still what it was.

The log has what was published; this is for what was not yet, and for what is handed to others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lakzegel_core import limits, note, tiles
from lakzegel_core.errors import FormatError, LakzegelError, UnknownKeyError
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.keys import VerifierKey
from lakzegel_office.config import Config, judge_keys
from lakzegel_office.doubts import Doubt
from lakzegel_office.errors import DoubtError
from lakzegel_office.home import Home
from lakzegel_office.mirror import Mirror, read_bundle, read_limited
from lakzegel_office.replay import Replay

_JUDGE: Final = "judge.keys"


def check_notes(home: Home, config: Config, replay: Replay) -> Iterator[Doubt]:
    """Yield which notes, annexes and keys for judges are no longer what was kept."""
    checker = _Checker(Mirror(home.mirror), config, replay)
    for path in sorted(home.notes.rglob("*")):
        if path == home.notes / "annexes":
            continue
        try:
            checker.check(path)
        except (DoubtError, LakzegelError, OSError) as error:
            name = path.relative_to(home.root).as_posix()
            yield Doubt(name, str(error).removeprefix(f"{path}: "), "note")


class _Checker:
    """Checks one file at a time."""

    def __init__(self, mirror: Mirror, config: Config, replay: Replay) -> None:
        people = [key for person in config.people.all for key in person.keys]
        self._known: tuple[VerifierKey, ...] = (
            *config.keys.values(),
            *config.policy_keys,
            *people,
        )
        self._config = config
        self._mirror = mirror
        self._size = replay.size

    def check(self, path: Path) -> None:
        """Return when a file is what was kept.

        Raises:
            DoubtError, LakzegelError, OSError: it is not, or cannot be read.
        """
        if path.parent.name == "annexes":
            data = read_limited(path, limits.MAX_ANNEX)
            if hashlib.sha256(data).hexdigest() != path.name:
                raise FormatError("annex", "not the bytes that it is named after")
        elif path.suffix == ".note":
            self._check_note(read_limited(path, limits.MAX_NOTE))
        elif path.name == _JUDGE:
            said = JudgeKeys.from_text(
                read_limited(path, limits.MAX_NOTE).decode("utf-8", "replace")
            )
            if said != judge_keys(self._config):
                raise FormatError(_JUDGE, "not the keys that office.toml names")

    def _check_note(self, data: bytes) -> None:
        """Return when somebody whom this office knows signed it, or the log has it."""
        parsed = note.parse(data)
        known = {(key.name, key.key_id): key for key in self._known}
        lines = [line for line in parsed.signatures if (line.name, line.key_id) in known]
        for line in lines:
            known[line.name, line.key_id].verify(line.raw, parsed.text)
        if len(lines) < len(parsed.signatures) and not self._is_in_log(data):
            raise UnknownKeyError("a line of a key that this office does not know")

    def _is_in_log(self, data: bytes) -> bool:
        bundles = range(-(-self._size // tiles.WIDTH))
        return any(data in read_bundle(self._mirror, number, self._size) for number in bundles)
