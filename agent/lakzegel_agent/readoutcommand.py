# SPDX-License-Identifier: EUPL-1.2
"""Programs that make a backup: which there are, and how one is run (docs/spec/readout.md §4).

    # readout.toml, beside agent.toml
    [commands]
    idevicebackup2 = ["/usr/bin/idevicebackup2", "backup", "/srv/phones"]

A policy names one by its name. There is no shell, no input, no output, nothing of the policy's in
the arguments, and an end to it.
"""

from __future__ import annotations

import os
import stat
import subprocess
import threading
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lakzegel_agent.errors import UsageError
from lakzegel_agent.platforms import system

NAME: Final = "readout.toml"
MAX_FILE: Final = 65_536  # bytes
MAX_ARGUMENTS: Final = 32
NOT_ALLOWED: Final = "not-allowed"  # the device's settings know no such name
BAD_SETTINGS: Final = "bad-settings"  # those settings cannot be read
NOT_THERE: Final = "not-there"
UNSAFE: Final = "unsafe"  # somebody else could have changed it
NOT_STARTED: Final = "not-started"
TIMED_OUT: Final = "timed-out"
STOPPED: Final = "stopped"
_TERM: Final = 3.0  # seconds that a program has to end by itself
_LOOK: Final = 0.5  # seconds between two looks at whether the agent is to end
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_ENVIRONMENT: Final = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}

Programs = Mapping[str, tuple[str, ...]]


def settings_beside(config: Path) -> Path:
    """Where the programs are named: beside ``agent.toml``."""
    return config.absolute().parent / NAME


def load_programs(path: Path, *, agent: int | None = None) -> Programs:
    """Return the programs that this device's own settings allow; none where there is no file.

    Args:
        path: the file.
        agent: the user that the agent runs as; who runs this process, where it is not said.

    Raises:
        UsageError: names the file and what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            told = os.fstat(file.fileno())
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if _is_others(told, agent) or len(data) > MAX_FILE:
        raise UsageError(f"{path}: others may write it, or it is larger than {MAX_FILE} bytes")
    try:
        top = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    commands = top.pop("commands", {})
    if top or not isinstance(commands, dict):
        raise UsageError(f"{path}: holds [commands] and nothing else")
    return {name: _arguments(path, name, value) for name, value in commands.items()}


def run_program(arguments: Sequence[str], limit: float, stop: threading.Event) -> str:
    """Run a program to its end, for at most ``limit`` seconds.

    Return "" where it went well, else why not: ``not-there``, ``unsafe``, ``not-started``,
    ``timed-out``, ``stopped``, ``exit-<status>`` or ``signal-<number>``.
    """
    why = unfit(Path(arguments[0]))
    if why:
        return why
    try:
        process = subprocess.Popen(  # an absolute path of the device's own settings
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={**_ENVIRONMENT, "HOME": str(Path.home())},
            start_new_session=True,
        )
    except OSError:
        return NOT_STARTED
    why = _watch(process, time.monotonic() + limit, stop)
    if why:
        _end(process)
        return why
    status = process.returncode
    if status:
        return f"exit-{status}" if status > 0 else f"signal-{-status}"
    return ""


def unfit(program: Path) -> str:
    """Return why a program is not run, "" where it is fine: it and its folders are ours or root's.

    A folder that everybody may write to counts where only owners may rename (the sticky bit).
    """
    try:
        told = program.lstat()
        above = [folder.stat() for folder in program.parents]
    except OSError:
        return NOT_THERE
    if not stat.S_ISREG(told.st_mode) or _is_others(told):
        return UNSAFE
    if any(_is_others(folder) and not folder.st_mode & stat.S_ISVTX for folder in above):
        return UNSAFE
    return "" if os.access(program, os.X_OK) else NOT_THERE


def _is_others(told: os.stat_result, agent: int | None = None) -> bool:
    ours = {0, system.me() if agent is None else agent}
    return bool(told.st_mode & _OTHERS) or told.st_uid not in ours


def _arguments(path: Path, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ARGUMENTS:
        raise UsageError(f"{path}: {name}: a list of 1 to {MAX_ARGUMENTS} texts")
    if not all(isinstance(one, str) and "\0" not in one for one in value):
        raise UsageError(f"{path}: {name}: a list of texts")
    if not Path(value[0]).is_absolute() or ".." in Path(value[0]).parts:
        raise UsageError(f"{path}: {name}: begins with an absolute path")
    return tuple(value)


def _watch(process: subprocess.Popen[bytes], until: float, stop: threading.Event) -> str:
    """Wait for the end; return why it was not waited for."""
    while True:
        left = until - time.monotonic()
        if stop.is_set() or left <= 0:
            return STOPPED if stop.is_set() else TIMED_OUT
        try:
            process.wait(min(left, _LOOK))
        except subprocess.TimeoutExpired:
            continue
        return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started."""
    for at_once in (False, True):
        if not system.end(process, at_once=at_once):
            break
        try:
            process.wait(_TERM)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
