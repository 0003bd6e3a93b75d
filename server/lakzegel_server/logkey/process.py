# SPDX-License-Identifier: EUPL-1.2
"""Asks the process of `child.py`, for no longer than a signature may take."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
import weakref
from typing import IO, Final, Self

from lakzegel_core.encoding import b64, unb64
from lakzegel_core.errors import FormatError
from lakzegel_server.logkey.token import TokenError
from lakzegel_server.settings_logkey import LogKey

OPEN_SECONDS: Final = 30.0  # for a module to load and a token to open
SIGN_SECONDS: Final = 10.0
_MAX_LINE: Final = 4096  # bytes of an answer
_COMMAND: Final = (sys.executable, "-P", "-m", "lakzegel_server.logkey.child")


class SigningProcess:
    """One open token."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._end = weakref.finalize(self, _end, process)
        self.public = b""

    @classmethod
    def start(cls, place: LogKey, pin: str, *, make: bool = False) -> Self:
        """A process whose token is open.

        Raises:
            TokenError: it could not be opened.
        """
        process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # it ends with its input, not by Ctrl-C before the last answer
        )
        own = cls(process)
        question: dict[str, str | bool] = {
            "module": str(place.module),
            "token": place.token,
            "key": place.key,
            "pin": pin,
            "make": make,
        }
        try:
            own.public = own._ask(question, "public", OPEN_SECONDS)
        except TokenError:
            own.close()
            raise
        return own

    def sign(self, message: bytes) -> bytes:
        """What the token says is the signature.

        Raises:
            TokenError: it did not sign, or not in time; the process is of no use any more.
        """
        return self._ask({"sign": b64(message)}, "signature", SIGN_SECONDS)

    def close(self) -> None:
        """End the process."""
        self._end()

    def _ask(self, question: dict[str, str | bool], wanted: str, seconds: float) -> bytes:
        try:
            _pipe(self._process.stdin).write(json.dumps(question).encode() + b"\n")
            answer = json.loads(self._line(time.monotonic() + seconds))
        except (OSError, ValueError):
            raise TokenError("device", "the process ended") from None
        if not isinstance(answer, dict) or wanted not in answer:
            found = answer if isinstance(answer, dict) else {}
            raise TokenError(str(found.get("error", "device")), str(found.get("kind", "none")))
        try:
            return unb64(str(answer[wanted]), what=wanted)
        except FormatError:
            raise TokenError("device", "an answer that is none") from None

    def _line(self, deadline: float) -> bytes:
        source = _pipe(self._process.stdout)
        data = b""
        while not data.endswith(b"\n") and len(data) < _MAX_LINE:
            ready, _, _ = select.select([source], [], [], max(deadline - time.monotonic(), 0.0))
            if not ready:
                raise TokenError("device", "no answer in time")
            more = os.read(source.fileno(), _MAX_LINE)
            if not more:
                raise OSError
            data += more
        return data


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise OSError
    return pipe


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
