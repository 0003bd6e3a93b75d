# SPDX-License-Identifier: EUPL-1.2
"""What IT support may be sent about an agent: picked by name, field by field, and nothing else.

Everything is a whole number, true or false, a word of a list of ours, a version, an id, or a time
rounded down to the hour; what is anything else becomes ``other``. docs/spec/health.md §6
"""

from __future__ import annotations

import json
import os
import platform
import re
import sqlite3
import ssl
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, get_args

from lakzegel_agent import journal
from lakzegel_agent.errors import UsageError
from lakzegel_agent.guards import guards
from lakzegel_agent.guards.base import ANY_GUARDS, State
from lakzegel_agent.health import free_bytes, own_load
from lakzegel_agent.home import Home
from lakzegel_agent.platforms import system
from lakzegel_agent.problems import NEXT
from lakzegel_agent.readers import kinds
from lakzegel_agent.settingsconfig import Config
from lakzegel_core.encoding import format_time
from lakzegel_core.policy import MODES

FORMAT: Final = "lakzegel.nl/diagnostics/v1"
MEMBER: Final = "diagnostics.json"
LIBRARIES: Final = (
    *("apscheduler", "cryptography", "lakzegel", "psutil", "pydantic", "pydantic-settings"),
    *("requests", "urllib3", "watchdog", "zstandard"),
)
ORIGINS: Final = frozenset({"file", "environment", "default", "mdm", "policy"})
STATES: Final = frozenset(State)
RELEASES: Final = frozenset({"held", "sealed"})
POLLED: Final = frozenset({"no-watch", "share", "absent"})
REASONS: Final = frozenset(
    {"changing", "damaged", "missing", "too-large", "too-long", "unreadable", "unsealable"}
    | {"vanished", "locked", "no-key", "no-library", "no-store", "unknown-schema"}
    | {"as-conversations", "compacting", "in-delivery", "not-in-scope", "other-account"}
    | {"part-of-store", "story", "excluded", "excluded-folder", "unknown-phone", "before-term"}
    | {"symlink", "fifo", "socket", "device"}
    | {"json-open", "zip-open", "line-open", "mail-open", "msg-open", "pst-open", "backup-open"}
)
CHECKS: Final = frozenset(
    {"config", "home", "pac", "receiver", "clock", "room", "keys", "ledger", "policy", "source"}
    | {"watch"}
)
_VERSION: Final = re.compile(r"[0-9]+(?:\.[0-9]+){0,3}")
_ID: Final = re.compile(r"[a-z2-7]{8}")
_TIME: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say
_MOST_LINES: Final = 2**21  # characters of the log that are read


def collect(
    config: Config, status: Mapping[str, Any], checks: Iterable[tuple[str, bool]], now: datetime
) -> dict[str, Any]:
    """Everything that may be told, from what `status` and `doctor` found."""
    home = Home(config.home)
    return {
        "format": FORMAT,
        "made": _time(format_time(now)),
        "versions": _versions(),
        "platform": _platform(),
        "settings": _settings(config),
        "agent": _agent(status),
        "ledger": _numbers(status.get("ledger"), "found", "sealed", "excluded", "failed"),
        "reasons": _counted(status.get("reasons"), REASONS),
        "sources": [_source(row) for row in _rows(status.get("sources"))],
        "spool": _spool(status.get("spool")),
        "policy": _policy(status.get("policy")),
        "last_receipt": _receipt(status.get("last_receipt")),
        "problems": [_problem(row) for row in _rows(status.get("problems"))],
        "readiness": _readiness(status.get("readiness")),
        "guards": [_guard(row) for row in _rows(status.get("guards"))],
        "watch": _watch(status.get("watch")),
        "process": _process(status.get("process")),
        "checks": [{"what": _word(what, CHECKS), "well": bool(well)} for what, well in checks],
        "files": _files(home),
        "log": _log(home.log),
    }


def write(path: Path, found: Mapping[str, Any]) -> None:
    """Leave it as a new zip file, only for its owner.

    Raises:
        UsageError: something is there already, or it cannot be written.
    """
    try:
        descriptor = system.open_to_write(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        raise UsageError(f"{path}: is there already; name a file that is not") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo(MEMBER, _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, json.dumps(found, indent=2, sort_keys=True))


# the coercions: whatever comes in, only what they let through goes out


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value)


def _word(value: object, known: Iterable[str]) -> str:
    return value if isinstance(value, str) and value in known else "other"


def _matched(value: object, pattern: re.Pattern[str]) -> str | None:
    found = pattern.match(value) if isinstance(value, str) else None
    return found[0] if found else None


def _time(value: object) -> str | None:
    """The hour of a time."""
    found = _matched(value, _TIME)
    return None if found is None else f"{found}:00:00Z"


def _numbers(value: object, *names: str) -> dict[str, int | None]:
    row = value if isinstance(value, Mapping) else {}
    return {name: _number(row.get(name)) for name in names}


def _counted(value: object, known: Iterable[str]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, number in (value if isinstance(value, Mapping) else {}).items():
        total[_word(name, known)] += _number(number) or 0
    return dict(total)


def _rows(value: object) -> Sequence[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


# the parts


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {
        "python": _matched(platform.python_version(), _VERSION),
        "sqlite": _matched(sqlite3.sqlite_version, _VERSION),
        "openssl": ".".join(map(str, ssl.OPENSSL_VERSION_INFO[:3])),
    }
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = _matched(version(name), _VERSION)
    return found


def _platform() -> dict[str, Any]:
    machines = ("x86_64", "AMD64", "aarch64", "arm64")
    return {
        "system": _word(sys.platform, ("linux", "darwin", "win32")),
        "machine": _word(platform.machine(), machines),
        "kernel": _matched(platform.release(), _VERSION),
        "processors": os.cpu_count(),
    }


def _settings(config: Config) -> dict[str, str]:
    """Where each setting came from, by the names that the schema gives them; no value."""
    return {name: _word(origin, ORIGINS) for name, origin in config.origins.items()}


def _agent(status: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at_work": bool(status.get("at_work")),
        "enrolled": status.get("device") is not None,
        "epoch": _number(status.get("epoch")),
    }


def _source(row: Mapping[str, Any]) -> dict[str, Any]:
    figures = _numbers(row, "found", "sealed", "excluded", "failed")
    return {"kind": _word(row.get("kind"), kinds()), **figures}


def _spool(value: object) -> dict[str, Any]:
    row = value if isinstance(value, Mapping) else {}
    numbers = _numbers(row, "batches", "waiting", "bytes", "limit")
    return {**numbers, "oldest": _time(row.get("oldest"))}


def _policy(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    return {
        **_numbers(value, "serial", "cadence"),
        "expires": _time(value.get("expires")),
        "release": _word(value.get("release"), RELEASES),
    }


def _receipt(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    return {**_numbers(value, "index", "size"), "at": _time(value.get("at"))}


def _problem(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": _word(row.get("code"), NEXT),
        "id": _matched(row.get("id"), _ID),
        "count": _number(row.get("count")),
        "since": _time(row.get("since")),
    }


def _guard(row: Mapping[str, Any]) -> dict[str, Any]:
    known = guards()
    id_ = _word(row.get("id"), known)
    reasons = known[id_].declaration.reasons if id_ in known else frozenset()
    return {
        "id": id_,
        "mode": _word(row.get("mode"), MODES),
        "state": _word(row.get("state"), STATES),
        "since": _time(row.get("since")),
        "looked": _time(row.get("looked")),
        "subjects": _counted(row.get("subjects"), STATES),
        "reasons": _counted(row.get("reasons"), ANY_GUARDS | reasons),
    }


def _readiness(value: object) -> dict[str, int] | None:
    """How many sources are covered, and how many apps have none; no name."""
    if not isinstance(value, Mapping):
        return None
    sources = _rows(value.get("sources"))
    covered = sum(1 for row in sources if row.get("covered") is True)
    apps = len(_rows(value.get("apps")))
    return {"sources": len(sources), "covered": covered, "apps": apps}


def _watch(value: object) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    numbers = _numbers(value, "folders", "overflows", "sleeps")
    return {**numbers, "polled": _counted(value.get("polled"), POLLED)}


def _process(value: object) -> dict[str, Any]:
    own = own_load()
    return {
        "agent": _numbers(value, "processes", "rss", "cpu_seconds"),
        "this_rss": own.rss,
    }


def _files(home: Home) -> dict[str, Any]:
    """Sizes in bytes, and how many files, of what has a fixed name in the home."""
    sizes: dict[str, Any] = {}
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "status.json", "lock"):
        with suppress(OSError):
            sizes[name] = (home.root / name).stat().st_size
    for name in ("spool", "evidence", "given-up", "keys", "log"):
        with suppress(OSError):
            rows = [entry.stat(follow_symlinks=False) for entry in os.scandir(home.root / name)]
            sizes[name] = {"files": len(rows), "bytes": sum(row.st_size for row in rows)}
    with suppress(OSError):
        sizes["free_mib"] = free_bytes(str(home.root)) // 2**20
    return sizes


def _log(folder: Path) -> dict[str, int]:
    """How often what was logged with which result, in the file that is being written."""
    try:
        with (folder / journal.NAME).open(encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_LINES)
    except OSError:
        return {}
    actions, results = get_args(journal.Action), get_args(journal.Result)
    total: Counter[str] = Counter()
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            action, result = _word(row.get("action"), actions), _word(row.get("result"), results)
            total[f"{action} {result}"] += 1
    return dict(total)
