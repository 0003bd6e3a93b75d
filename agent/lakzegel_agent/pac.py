# SPDX-License-Identifier: EUPL-1.2
"""What a PAC file says: a program from the network, run in a process of its own with limits.

    function FindProxyForURL(url, host) { return "PROXY proxy.example:8080; DIRECT"; }

The process gets the text and one address, and can answer at most 4 KiB; `pacworker.py` is what
runs in it. docs/spec/settings.md §4, docs/adr/0015
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lakzegel_agent import ownprocess

MAX_PAC: Final = 2**20  # bytes of a PAC file
MAX_SAID: Final = 4096  # bytes of its answer
MAX_WAYS: Final = 8
WALL: Final = 10.0  # seconds for an answer: it may look up names
NO_LIBRARY: Final = 3  # exit code of the process
_SCHEMES: Final = {"PROXY": "http", "HTTP": "http", "HTTPS": "https"}
_PLACE: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class PacError(Exception):
    """The PAC file is of no use, and why."""


class Pac:
    """One PAC file, fetched anew each time that it is asked."""

    def __init__(self, location: str, fetch: Callable[[str], bytes]) -> None:
        """Nothing is fetched yet.

        Args:
            location: an address (http, https) or a path.
            fetch: what stands at an address, at most MAX_PAC bytes; raises OSError.
        """
        self._location = location
        self._fetch = fetch

    def __call__(self, url: str) -> Sequence[str | None]:
        """The ways to an address, in their order; None for no proxy.

        Raises:
            PacError: it cannot be had, does not end, or answers nothing that is known here.
        """
        return ways_of(run_pac(self._text(), url))

    def _text(self) -> bytes:
        try:
            if urlsplit(self._location).scheme in {"http", "https"}:
                return self._fetch(self._location)
            with Path(self._location).open("rb") as file:
                data = file.read(MAX_PAC + 1)
        except OSError as error:
            raise PacError(
                f"pac: cannot be had: {error.strerror or type(error).__name__}"
            ) from None
        if len(data) > MAX_PAC:
            raise PacError(f"pac: more than {MAX_PAC} bytes")
        return data


def run_pac(text: bytes, url: str, *, wall: float = WALL) -> str:
    """What the file's function returns for an address.

    Raises:
        PacError: it is no PAC file, takes too long or too much, or the library is not there.
    """
    question = {"pac": text.decode("utf-8", "replace"), "url": url, "host": urlsplit(url).hostname}
    try:
        done = subprocess.run(
            ownprocess.worker("pac", "-I"),
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=wall,
            check=False,
            env=None if sys.platform == "win32" else {},
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        raise PacError(f"pac: no answer in {wall:.0f} s") from None
    except OSError as error:
        raise PacError(f"pac: cannot be run: {error.strerror}") from None
    if done.returncode == NO_LIBRARY:
        raise PacError("pac: the extra agent-pac is not installed")
    if done.returncode != 0:
        raise PacError("pac: the file is none, or takes too much")
    if len(done.stdout) > MAX_SAID:
        raise PacError(f"pac: an answer of more than {MAX_SAID} bytes")
    return done.stdout.decode("ascii", "replace")


def ways_of(said: str) -> Sequence[str | None]:
    """The ways of ``PROXY proxy.example:8080; DIRECT``; what is not known here is passed over.

    Raises:
        PacError: none is left.
    """
    ways: list[str | None] = []
    for part in said.split(";")[:MAX_WAYS]:
        kind, _, place = part.strip().partition(" ")
        if kind.upper() == "DIRECT":
            ways.append(None)
        elif kind.upper() in _SCHEMES and _PLACE.fullmatch(place.strip()):
            ways.append(f"{_SCHEMES[kind.upper()]}://{place.strip()}")
    if not ways:
        raise PacError("pac: names no proxy that this agent can use")
    return ways
