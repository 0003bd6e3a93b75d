# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.verify HOME`: `verify` of a mirror beside what anybody would check it with.

HOME is an office's home, say `out/office` of `lakzegel demo --out out --watch …`. In one run, each
the better of so many: `lakzegel-office verify`, `sha256sum` of the same files, one after the other
as it works, and `restic check --read-data` of a repository that holds the same files.
"""

import argparse
import json
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.measure import MB, BenchError, Usage, run

AIM: Final = 1.5  # of sha256sum's wall time, on two cores
MEMORY: Final = 200.0  # MB
OFFICE: Final = Path(sys.executable).with_name("lakzegel-office")
SUM: Final = "find . -type f -print0 | xargs -0 sha256sum > /dev/null"


def main() -> int:
    """Print the figures, or JSON; return 1 when a program failed."""
    arguments = _parser().parse_args()
    home: Path = arguments.home.resolve()
    size = sum(one.stat().st_size for one in (home / "mirror").rglob("*") if one.is_file())
    try:
        with tempfile.TemporaryDirectory(prefix="lakzegel-bench-", dir=arguments.work) as work:
            found = _measure(home, Path(work), arguments.times)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"bytes": size, "runs": {k: asdict(v) for k, v in found.items()}}))
    else:
        _print(found, size)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.verify", description=__doc__)
    parser.add_argument("home", type=Path, help="an office's home with a mirror")
    parser.add_argument("--times", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--work", type=Path, help="a folder with room for the mirror once more")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _measure(home: Path, work: Path, times: int) -> dict[str, Usage]:
    mirror, log = home / "mirror", work / "log"
    verify = [str(OFFICE), "verify", "--home", str(home), "--quiet"]
    commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
        "lakzegel-office verify": (verify, {}),
        "sha256sum": (["sh", "-c", SUM], {}),
    }
    if shutil.which("restic") is not None:
        commands["restic check --read-data"] = _restic(mirror, work, log)
    found: dict[str, Usage] = {}
    for _ in range(times):  # in turn, so that another's work meets all alike
        for name, (command, environment) in commands.items():
            used = run(command, environment=environment, folder=mirror, log=log)
            best = found.get(name)
            found[name] = used if best is None or used.wall < best.wall else best
    return found


def _restic(mirror: Path, work: Path, log: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the command, once a repository holds the mirror."""
    (work / "password").write_text(secrets.token_hex(16))
    environment = {"RESTIC_PASSWORD_FILE": str(work / "password")}
    at = ["restic", "--repo", str(work / "restic"), "--cache-dir", str(work / "cache"), "--quiet"]
    run([*at, "init"], environment=environment, folder=mirror, log=log)
    run([*at, "backup", "."], environment=environment, folder=mirror, log=log)
    return [*at, "check", "--read-data"], environment


def _print(found: Mapping[str, Usage], size: int) -> None:
    ours = found["lakzegel-office verify"]
    print(f"{size / MB:.0f} MB")
    for name, used in found.items():
        ratio = ours.wall / used.wall
        print(
            f"{name:28}{used.wall:8.2f} s wall {used.cpu:8.2f} s CPU {used.peak:8.0f} MB"
            f"   ours {ratio:.2f} of it"
        )
    ratio = ours.wall / found["sha256sum"].wall
    print(f"aim: {AIM} of sha256sum: {'met' if ratio <= AIM else 'missed'} ({ratio:.2f})")
    print(f"aim: {MEMORY:.0f} MB: {'met' if ours.peak <= MEMORY else 'missed'} ({ours.peak:.0f})")


if __name__ == "__main__":
    sys.exit(main())
