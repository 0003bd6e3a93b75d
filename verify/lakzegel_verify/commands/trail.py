# SPDX-License-Identifier: EUPL-1.2
"""`lakzegel-verify trail URL DIR --keys FILE --token-file F`: an auditor's copy of the trail.

0 the copy is whole and proven; 1 what is served or kept contradicts the log; 2 usage, or a file is
unusable; 3 the receiver cannot be asked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lakzegel_core.encoding import b64
from lakzegel_core.errors import LakzegelError
from lakzegel_verify.commands import common
from lakzegel_verify.commands.common import ALARM, FINE, UNREACHABLE, UNUSABLE
from lakzegel_verify.fetching import Fetcher, UnreachableError
from lakzegel_verify.following import AlarmError
from lakzegel_verify.remembering import keep_evidence
from lakzegel_verify.trailcopy import Copied, TrailCopy

MAX_TOKEN: Final = 1_024  # bytes


def is_meant(argv: Sequence[str]) -> bool:
    """Whether a command line is this one's, and not about a proof that is called ``trail``."""
    return common.is_meant(argv, "trail")


def run(argv: Sequence[str]) -> int:
    """Bring the copy up to date; return the exit code."""
    arguments = _parser().parse_args(argv)
    folder: Path = arguments.folder
    try:
        keys, _ = common.read_keys(arguments.keys)
        token = _read_token(arguments.token_file)
        fetcher = Fetcher(common.address(arguments.url), arguments.ca_file, token=token)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        copied = TrailCopy(fetcher.get, keys, folder).run()
    except AlarmError as alarm:
        return _alarm(alarm, folder, as_json=arguments.json)
    except UnreachableError as error:
        _tell({"status": "unreachable", "detail": str(error)}, "", as_json=arguments.json)
        return common.say(str(error), UNREACHABLE)
    except (OSError, UnicodeDecodeError, ValueError, LakzegelError) as error:
        return common.say(f"{error}", UNUSABLE)
    _tell(_described(copied), _sentence(copied, folder), as_json=arguments.json)
    return FINE


def _described(copied: Copied) -> dict[str, object]:
    return {
        "status": "fine",
        "origin": copied.tree.origin,
        "size": copied.tree.size,
        "segments": copied.segments,
        "records": copied.records,
        "until": copied.until,
        "new": copied.fresh,
        "lost": copied.lost,
        "returnable": copied.returnable,
    }


def _sentence(copied: Copied, folder: Path) -> str:
    line = (
        f"{copied.tree.origin}: {copied.segments} segments of {copied.records} records"
        f"{f' until {copied.until}' if copied.until else ''}, {copied.fresh} new"
    )
    if copied.lost:
        line += f"; lost, here too: {_listed(copied.lost)}"
    if copied.returnable:
        line += (
            f"; lost at the receiver and kept here: {_listed(copied.returnable)}"
            f" (give its administrator {folder}/<number>.jsonl)"
        )
    return line


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _alarm(alarm: AlarmError, folder: Path, *, as_json: bool) -> int:
    try:
        where = f"; kept in {keep_evidence(folder / 'trail', alarm.evidence)}"
    except OSError as error:
        where = f"; NOT kept: {error.strerror}"
    found: dict[str, object] = {
        "status": alarm.kind,
        "detail": str(alarm),
        "evidence": [b64(data) for data in alarm.evidence],
    }
    _tell(found, "", as_json=as_json)
    return common.say(f"{alarm.kind.upper()}: {alarm}{where}", ALARM)


def _tell(found: dict[str, object], line: str, *, as_json: bool) -> None:
    text = json.dumps(found, sort_keys=True) if as_json else line
    if text:
        print(text, flush=True)


def _read_token(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_TOKEN + 1)
    token = data.decode("ascii").strip() if len(data) <= MAX_TOKEN else ""
    if not token or not token.isprintable() or " " in token:
        raise ValueError(f"{path}: no token of an account (NAME.SECRET, one line)")
    return token


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lakzegel-verify trail",
        description="Keeps an auditor's own copy of a receiver's audit trail, each segment proven "
        "by the log. Run it now and then: what is kept outlives the receiver.",
        epilog="exit: 0 whole and proven, 1 contradicted, 2 usage or an unusable file, 3 no answer",
    )
    parser.add_argument("command", choices=["trail"], help=argparse.SUPPRESS)
    parser.add_argument("url", metavar="URL", help="the receiver, https://…")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where the copy is: <n>.note and <n>.jsonl"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        required=True,
        metavar="FILE",
        help="the log's keys: log.keys, or a judge's key file",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        required=True,
        metavar="F",
        help="of an account with role audit (lakzegel-server account add --role audit)",
    )
    parser.add_argument("--ca-file", type=Path, metavar="F", help="trust this authority for TLS")
    parser.add_argument("--json", action="store_true", help="one object for a program")
    return parser
