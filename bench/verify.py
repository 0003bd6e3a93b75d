# SPDX-License-Identifier: EUPL-1.2
"""`python -m bench.verify`: `verify` of a mirror beside what anybody would check it with.

Without HOME a corpus is made, captured, sealed, pulled: a mirror of so many gigabytes. In one run,
each the better of so many: `lakzegel-office verify`, `sha256sum` of the same files, one after the
other as it works, and `restic check --read-data` of a repository that holds the same files. Of a
mirror that was made here mails are opened, too (bench/opening.py).
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

from bench.corpus import SOURCES, make
from bench.measure import MB, BenchError, Usage, run
from bench.opening import AIM as OPENING
from bench.opening import opened
from bench.timing import print_pages
from lakzegel_demo.errors import DemoError, NotProvenError, PartyError
from lakzegel_demo.journey import Journey
from lakzegel_demo.places import Places
from lakzegel_demo.process import Children
from lakzegel_demo.sources import distinct

AIM: Final = 1.5  # of sha256sum's wall time, on two cores
MEMORY: Final = 200.0  # MB
TURNS: Final = 20  # of capturing until the spool is full, and pulling
MIRRORED: Final = 1.35  # GB of a mirror, of the whole corpus
OFFICE: Final = Path(sys.executable).with_name("lakzegel-office")
SUM: Final = "find . -type f -print0 | xargs -0 sha256sum > /dev/null"


def main() -> int:
    """Print the figures, or JSON; return 1 when a program failed."""
    arguments = _parser().parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="lakzegel-bench-", dir=arguments.work) as work:
            home, passphrase = _home(arguments, Path(work))
            files = [one for one in (home / "mirror").rglob("*") if one.is_file()]
            size = sum(one.stat().st_size for one in files)
            found = _measure(home, Path(work), arguments.times)
            if not arguments.json:  # an index of gigabytes takes minutes: first what is known
                print(f"{size / MB:,.0f} MB in {len(files)} files")
                _print(found)
            pages = [opened(home, passphrase)] if passphrase else []
    except (BenchError, DemoError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        runs = {name: asdict(one) for name, one in found.items()}
        print(json.dumps({"bytes": size, "runs": runs, "pages": [one.told() for one in pages]}))
    elif pages:
        print("\nmilliseconds of processor time, and of the clock")
        print_pages(pages, OPENING)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.verify", description=__doc__)
    parser.add_argument("home", type=Path, nargs="?", help="an office's home with a mirror")
    parser.add_argument(
        "--gigabytes", type=float, default=1.0, help="of the mirror that is made (default 1)"
    )
    parser.add_argument("--passphrase-file", type=Path, help="of HOME: opens mails of it, too")
    parser.add_argument("--times", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--work", type=Path, help="a folder with room for five times the mirror")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _home(arguments: argparse.Namespace, work: Path) -> tuple[Path, Path | None]:
    """Return an office's home and the file of its passphrase, made where none is given."""
    if arguments.home is not None:
        return arguments.home.resolve(), arguments.passphrase_file
    corpus = work / "corpus"
    _say(f"making a corpus for a mirror of {arguments.gigabytes} GB")
    make(corpus, arguments.gigabytes / MIRRORED)
    places = Places.begin(work / "out")
    sources = distinct((kind, corpus / name) for name, kind in SOURCES.items())
    with Children(places.logs) as children:
        journey = Journey(places, sources, children, lambda _: None)
        journey.enrol_device(journey.found_parties())
        journey.put_policy_in_force()
        _bring_in(journey)
    shutil.rmtree(corpus)
    shutil.rmtree(places.server)
    return places.office, places.passphrase


def _bring_in(journey: Journey) -> None:
    """Capture and pull, in turns: a device keeps no more than its spool holds until it is held.

    Raises:
        DemoError: it does not come to an end.
    """
    for left in reversed(range(TURNS)):
        _say("capturing and sealing it")
        try:
            journey.capture()
        except (NotProvenError, PartyError) as error:
            _say(str(error)[-160:])
            if not left:
                raise
            journey.office.pull()
        else:
            break
    _say("pulling and opening it")
    journey.bring_in()


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


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


def _print(found: Mapping[str, Usage]) -> None:
    ours = found["lakzegel-office verify"]
    print(f"{'':28}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'ours / it':>11}")
    for name, used in found.items():
        ratio = ours.wall / used.wall
        print(f"{name:28}{used.wall:9.2f}{used.cpu:9.2f}{used.peak:9.0f}{ratio:11.2f}")
    ratio = ours.wall / found["sha256sum"].wall
    print(f"wall, of sha256sum's {ratio:26.2f}  aim {AIM:6.2f}  {_met(ratio <= AIM)}")
    print(f"peak MB, all processes {ours.peak:24.0f}  aim {MEMORY:6.0f}  "
          f"{_met(ours.peak <= MEMORY)}")  # fmt: skip


def _met(is_met: bool) -> str:  # noqa: FBT001  # what it says
    return "met" if is_met else "not met"


if __name__ == "__main__":
    sys.exit(main())
