# SPDX-License-Identifier: EUPL-1.2
"""Compiles the two programs of a package from launcher.c: the agent, and its workers."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.identity import AGENT, WORKER
from lakzegel_frozen.runtime import Runtime
from lakzegel_frozen.targets import LINUX, WINDOWS

SOURCE: Final = Path(__file__).parents[1] / "launcher.c"
MESSAGE: Final = 400  # characters of what a compiler says
# -s: no names of the machine that compiled; the file is what its source is
FLAGS: Final = (
    *("-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror", "-fstack-protector-strong", "-s"),
)


def command(
    runtime: Runtime, compiler: Sequence[str], output: Path, more: Sequence[str] = ()
) -> list[str]:
    """What compiles one program."""
    target = runtime.target
    flags = [*FLAGS, f"-ffile-prefix-map={SOURCE.parent}=.", f"-I{runtime.headers}", *more]
    if target.system == LINUX:
        flags += ["-ldl", "-Wl,--build-id=none"]
    if target.system == WINDOWS:
        flags += ["-municode", "-lshell32"]
        if "mingw" in compiler[0]:  # lld, which zig brings, puts no time in
            flags += ["-Wl,--no-insert-timestamp"]
    return [*compiler, *flags, "-o", str(output), str(SOURCE)]


def compilers(runtime: Runtime, asked: str | None) -> list[str]:
    """The compiler's command: the one that was asked, else zig's for the target."""
    if asked is not None:
        return shlex.split(asked)
    return [sys.executable, "-m", "ziglang", "cc", "-target", runtime.target.compiler]


def build(runtime: Runtime, tree: Path, compiler: Sequence[str]) -> tuple[Path, Path]:
    """The two programs, in their place.

    Raises:
        FrozenError: there is no such compiler, or it refuses.
    """
    layout = runtime.target.layout
    folder = tree / layout.programs
    folder.mkdir(parents=True, exist_ok=True)
    made = (folder / f"{AGENT}{layout.ending}", folder / f"{WORKER}{layout.ending}")
    for program, more in zip(made, ((), ("-DWORKER",)), strict=True):
        try:
            done = subprocess.run(
                command(runtime, compiler, program, more),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise FrozenError(f"{compiler[0]}: {error.strerror}; name another --compiler") from None
        if done.returncode != 0:
            said = " ".join(done.stderr.split())[:MESSAGE]
            raise FrozenError(f"{SOURCE.name}: {compiler[0]} refuses it: {said}")
        program.chmod(0o755)
    return made
