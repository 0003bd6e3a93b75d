# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-verify PROOF FILE --keys FILE`: is this the file that was sealed, by whom, when.

Reads three files and nothing else. 0 proven; 1 not proven, and why; 2 a file is missing or no keys.
`lakzegel-verify log URL` and `lakzegel-verify trail URL DIR` are other commands (commands/).
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.itemjudge import JudgeKeys, ProvenItem, judge_item
from lakzegel_core.itemproof import MAX_ITEM_PROOF, ItemProof, parse_item_proof
from lakzegel_core.itemtimes import Bound, Worth, judge_times
from lakzegel_verify.commands import log, trail
from lakzegel_verify.extracting import extract

CHUNK: Final = 1 << 20  # bytes
MAX_KEYS: Final = 65_536  # bytes
PROVEN, NOT_PROVEN, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Print the verdict and return 0, 1 or 2; of a log, also 3."""
    given = sys.argv[1:] if argv is None else list(argv)
    if log.is_meant(given):
        return log.run(given)
    if trail.is_meant(given):
        return trail.run(given)
    arguments = _parser().parse_args(given)
    try:
        keys = JudgeKeys.from_text(_read(arguments.keys, MAX_KEYS).decode("utf-8"))
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        return _say(f"{arguments.keys}: no usable key file: {error}", UNUSABLE)
    try:
        proof = _read(arguments.proof, MAX_ITEM_PROOF)
        sha256, size = _digest(arguments.file)
    except OSError as error:
        return _say(f"{error.filename}: cannot be read: {error.strerror}", UNUSABLE)
    try:
        parsed = parse_item_proof(proof)
        proven = judge_item(parsed, keys, sha256=sha256, size=size)
        bounds = judge_times(parsed, keys, now=datetime.now(UTC))
    except LakzegelError as error:
        return _say(f"NOT PROVEN: {error}", NOT_PROVEN)
    _tell(proven, bounds)
    return _extract(parsed, arguments.extract) if arguments.extract else PROVEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakzegel-verify",
        description="Checks offline that a file is what a device sealed.",
        epilog="exit: 0 proven, 1 not proven, 2 a file is missing or unusable; "
        "'lakzegel-verify log URL' follows a log, 'lakzegel-verify trail URL DIR' keeps a copy of "
        "a receiver's audit trail; each has its own --help",
    )
    parser.add_argument("proof", type=Path, metavar="PROOF", help="made by lakzegel-office prove")
    parser.add_argument("file", type=Path, metavar="FILE", help="the file that it is about")
    parser.add_argument(
        "--keys", type=Path, required=True, metavar="FILE", help="the keys that you trust"
    )
    parser.add_argument(
        "--extract",
        type=Path,
        metavar="DIR",
        help="write the time-stamp tokens into a new folder, and say how openssl checks them",
    )
    return parser


def _tell(proven: ProvenItem, bounds: Sequence[Bound]) -> None:
    place = f"{proven.device}/{proven.epoch}/{proven.batch}/{proven.index}"
    print(f"PROVEN: {proven.sentence()}")
    print(f"item {place}, a {proven.kind}; cosigned by {', '.join(proven.cosigners) or 'nobody'}")
    for bound in bounds:
        print(bound.sentence())
    if any(bound.worth is Worth.UNCHECKED for bound in bounds):
        print("--extract DIR writes the tokens, and says how openssl checks them")


def _extract(proof: ItemProof, folder: Path) -> int:
    try:
        lines = extract(proof, folder)
    except OSError as error:
        return _say(f"{folder}: {error.strerror}; give a new folder", UNUSABLE)
    print("\n".join(lines or ["no time-stamp tokens in this proof"]))
    return PROVEN


def _digest(path: Path) -> tuple[bytes, int]:
    """Return SHA-256 and size of a file of any size."""
    hasher, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            hasher.update(chunk)
            size += len(chunk)
    return hasher.digest(), size


def _read(path: Path, limit: int) -> bytes:
    """Return a file, one byte beyond the limit at most; the parser refuses what is longer."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _say(text: str, code: int) -> int:
    line = "".join(c if c.isprintable() else "?" for c in text)
    print(f"lakzegel-verify: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
