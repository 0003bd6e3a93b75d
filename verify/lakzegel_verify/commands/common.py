# SPDX-License-Identifier: EUPL-1.2
"""What the commands that ask a receiver have in common: exit codes, keys, addresses."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lakzegel_core.checkpoint import LogKeys
from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemjudge import JudgeKeys
from lakzegel_core.keys import VerifierKey

MAX_KEYS: Final = 65_536  # bytes
FINE, ALARM, UNUSABLE, UNREACHABLE = 0, 1, 2, 3
Keys = tuple[LogKeys, tuple[VerifierKey, ...]]
_HELP: Final = frozenset({"-h", "--help"})


def is_meant(argv: Sequence[str], name: str) -> bool:
    """Whether a command line is that command's, and not about a proof that is called so."""
    return argv[:1] == [name] and (
        len(argv) == 1 or any(word in _HELP or "://" in word for word in argv[1:])
    )


def address(text: str) -> str:
    """The receiver's address, without the log's part of it.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text}: not an address of http:// or https://")
    return text.rstrip("/").removesuffix("/log")


def read_keys(path: Path) -> Keys:
    """The log's keys and perhaps witnesses, of a judge's key file or of a receiver's log.keys.

    Raises:
        OSError, ValueError: it is none that can be used.
    """
    with path.open("rb") as file:
        data = file.read(MAX_KEYS + 1)
    if len(data) > MAX_KEYS:
        raise ValueError(f"{path}: no usable key file: more than {MAX_KEYS} bytes")
    try:
        text = data.decode("utf-8")
        if text.startswith("log "):
            judge = JudgeKeys.from_text(text)
            return judge.log, judge.quorum.witnesses
        return LogKeys.from_texts(text.split()), ()
    except (UnicodeDecodeError, ValueError, LakzegelError) as error:
        raise ValueError(f"{path}: no usable key file: {error}") from error


def say(text: str, code: int) -> int:
    """The code, after a line on stderr without anything that moves a cursor."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    print(f"lakzegel-verify: {line}", file=sys.stderr, flush=True)
    return code
