# SPDX-License-Identifier: EUPL-1.2
"""``python -m lakzegel_linux``: arguments and exit codes."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from lakzegel_linux import signing, sums
from lakzegel_linux.build import Tree, build, build_wheel, clean
from lakzegel_linux.errors import PackagingError
from lakzegel_linux.products import PRODUCTS

ROOT = Path(__file__).resolve().parents[3]


def moment_of(root: Path) -> int:
    """When the tree was committed, in seconds; SOURCE_DATE_EPOCH goes before.

    Raises:
        PackagingError: neither is known.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not said:
        command = ["git", "log", "-1", "--format=%ct"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        said = done.stdout.strip()
    if not said.isdigit():
        raise PackagingError("no checkout, and no SOURCE_DATE_EPOCH: set it to the commit's time")
    return int(said)


def differs(root: Path) -> bool:
    """Whether there is a change in the tree that its commit does not have."""
    command = ["git", "status", "--porcelain"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return bool(done.stdout.strip())


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when everything was made, 2 with one line when it was not."""
    parser = argparse.ArgumentParser(prog="lakzegel_linux", description="makes .deb and .rpm")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "linux", help="emptied first")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "linux", help="emptied first")
    parser.add_argument("--release", default="1", help="of the packages, beside the version")
    parser.add_argument("--only", action="append", choices=[one.name for one in PRODUCTS])
    parser.add_argument("--sign", metavar="KEY", help="GPG's name for the builder's own key")
    asked = parser.parse_args(arguments)
    try:
        tree = Tree(ROOT, asked.work, asked.out.resolve(), asked.release, moment_of(ROOT))
        if differs(ROOT):
            print(
                "lakzegel_linux: differs from its commit: nobody can make this again",
                file=sys.stderr,
            )
        clean(tree)
        wheel = build_wheel(tree)
        for product in PRODUCTS:
            if not asked.only or product.name in asked.only:
                for made in build(tree, product, wheel):
                    print(f"{made.stat().st_size / 2**20:6.1f} MiB  {made.name}")
        if asked.sign:
            signing.sign_packages(tree.out, asked.sign)
        listed = sums.write(tree.out)
        if asked.sign:
            signing.sign_detached(listed, asked.sign)
    except PackagingError as error:
        print(f"lakzegel_linux: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
