# SPDX-License-Identifier: EUPL-1.2
"""Makes the package of one target: arguments and exit codes, nothing else.

    digest DIR                  the digest by which a runtime is pinned
    package --target T …        tree, package, bill of materials and sums, in a folder
    repack --target T …         the package anew, of a tree that was signed meanwhile

0 fine; 2 usage, or an input is not what it must be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_frozen import build, identity, packages, runtime
from lakzegel_frozen.errors import FrozenError
from lakzegel_frozen.targets import TARGETS
from lakzegel_linux.errors import PackagingError

USAGE: Final = 2


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(prog="lakzegel_frozen", description=__doc__.partition("\n")[0])
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    digest = commands.add_parser("digest", help="the digest by which a runtime is pinned")
    digest.add_argument("folder", type=Path, metavar="DIR")
    for name, text in (("package", "a whole package"), ("repack", "one of a signed tree")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--target", choices=sorted(TARGETS), required=True)
        command.add_argument("--out", type=Path, required=True, metavar="DIR")
        if name == "repack":
            command.add_argument("--tree", type=Path, required=True, metavar="DIR")
            continue
        command.add_argument("--runtime", type=Path, required=True, metavar="DIR")
        command.add_argument("--runtime-sha256", required=True, metavar="HEX")
        command.add_argument("--compiler", metavar="COMMAND", help="instead of zig's")
        command.add_argument(
            "--lock", type=Path, default=identity.CHECKOUT / packages.LOCK, metavar="FILE"
        )
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a fault is one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.command == "digest":
            print(runtime.digest(arguments.folder))
        elif arguments.command == "repack":
            target = TARGETS[arguments.target]
            print(build.pack(arguments.tree, target, arguments.out))
        else:
            order = build.Order(
                target=TARGETS[arguments.target],
                runtime=arguments.runtime,
                sha256=arguments.runtime_sha256,
                compiler=arguments.compiler,
                lock=arguments.lock,
                out=arguments.out,
            )
            for path in build.package(order):
                print(path)
    except (FrozenError, PackagingError, OSError) as error:
        print(f"lakzegel_frozen: {error}", file=sys.stderr)
        return USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
