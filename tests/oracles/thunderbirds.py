# SPDX-License-Identifier: EUPL-1.2
"""A Thunderbird of this machine that runs with a profile of a test's, and what it can be asked."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path("/usr/lib/thunderbird")
BINARY = ROOT / "thunderbird-bin"
ASK = """
const p = Services.prefs, name = arguments[0], type = p.getPrefType(name);
const get = {64: "getIntPref", 128: "getBoolPref", 32: "getStringPref"}[type];
return [type, get ? p[get](name) : null, p.prefIsLocked(name)];
"""


class Marionette:
    """Its protocol over TCP: a length, a colon, JSON."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._stream = self._socket.makefile("rb")
        self._count = 0
        self._next()
        self.call("WebDriver:NewSession", {})
        self.call("Marionette:SetContext", {"value": "chrome"})

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def call(self, name: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._socket.sendall(b"%d:%b" % (len(data), data))
        _, _, error, result = self._next()
        assert error is None, error
        return result

    def ask(self, script: str, *arguments: object) -> Any:
        asked = {"script": script, "args": list(arguments)}
        return self.call("WebDriver:ExecuteScript", asked)["value"]

    def pref(self, name: str) -> tuple[int, object, bool]:
        """Type, value, and whether it is locked, as Thunderbird has them."""
        type_, value, locked = self.ask(ASK, name)
        return type_, value, locked

    def _next(self) -> Any:
        digits = b""
        while (one := self._stream.read(1)) != b":":
            assert one, "Thunderbird has gone"
            digits += one
        return json.loads(self._stream.read(int(digits)))


@contextmanager
def started(home: Path, profile: Path) -> Iterator[Marionette]:
    """A Thunderbird that runs with a profile, and has ended afterwards."""
    arguments = ["--headless", "--marionette", "--remote-allow-system-access", "--no-remote"]
    process = subprocess.Popen(
        [BINARY, *arguments, "--profile", profile],
        env={"HOME": str(home), "MOZ_HEADLESS": "1", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        marionette = Marionette(port_of(process, profile))
        try:
            yield marionette
            with suppress(AssertionError, OSError):
                marionette.call("Marionette:Quit", {"flags": ["eAttemptQuit"]})
            process.wait(60)
        finally:
            marionette.close()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        (profile / "MarionetteActivePort").unlink(missing_ok=True)


def port_of(process: subprocess.Popen[bytes], profile: Path) -> int:
    told = profile / "MarionetteActivePort"
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        with suppress(FileNotFoundError, ValueError):
            return int(told.read_text())
        time.sleep(0.05)  # another program's start has no event of ours
    pytest.fail("Thunderbird did not start")
