# SPDX-License-Identifier: EUPL-1.2
"""The tables of the index (docs/spec/storage.md §3), in the words that SQLite has for them.

Rows that the log determines (tree, entries, pending) are checked against it; every other row
carries ``digest``, the SHA-256 over its own columns, so that ``check`` notices a change on disk.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Final

VERSION: Final = 2  # of the tables; `upgrading.py` says when it rises
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tree (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, edge BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (
    idx INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE) STRICT;
CREATE TABLE IF NOT EXISTS pending (
    idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, secret BLOB NOT NULL, created TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refusals (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, device TEXT NOT NULL, code TEXT NOT NULL,
    id TEXT NOT NULL, proven INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cosignatures (
    device TEXT PRIMARY KEY, size INTEGER NOT NULL, line TEXT NOT NULL, digest BLOB NOT NULL
    ) STRICT;
CREATE TABLE IF NOT EXISTS annexes (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, stored TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS held (
    one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, sha256 BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS heartbeats (
    device TEXT PRIMARY KEY, at TEXT NOT NULL, note BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS arrivals (
    idx INTEGER PRIMARY KEY, device TEXT NOT NULL, epoch INTEGER NOT NULL, batch INTEGER NOT NULL,
    at TEXT NOT NULL, exact INTEGER NOT NULL, closed TEXT NOT NULL, items INTEGER NOT NULL,
    size INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS arrivals_by_device ON arrivals (device, idx);
CREATE TABLE IF NOT EXISTS device_days (
    device TEXT NOT NULL, day TEXT NOT NULL, batches INTEGER NOT NULL, items INTEGER NOT NULL,
    size INTEGER NOT NULL, batch_hours INTEGER NOT NULL, beat_hours INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (device, day)) STRICT;
CREATE TABLE IF NOT EXISTS locals (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, secret TEXT NOT NULL,
    used INTEGER NOT NULL, created TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sessions (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, way TEXT NOT NULL,
    proof TEXT NOT NULL, began INTEGER NOT NULL, seen INTEGER NOT NULL, digest BLOB NOT NULL
    ) STRICT;
CREATE TABLE IF NOT EXISTS timestamps (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, at INTEGER NOT NULL,
    expires INTEGER NOT NULL, root TEXT NOT NULL, stamped BLOB NOT NULL, token BLOB NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS probe (
    one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trail (
    number INTEGER PRIMARY KEY, record TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trail_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash BLOB NOT NULL,
    settings TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trail_segments (
    number INTEGER PRIMARY KEY, note BLOB NOT NULL, last INTEGER NOT NULL, state INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS links (
    token BLOB PRIMARY KEY, device TEXT NOT NULL, created TEXT NOT NULL, expires TEXT NOT NULL,
    revoked TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS notices (
    device TEXT NOT NULL, notice INTEGER NOT NULL, at TEXT NOT NULL, link TEXT NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (device, notice)) STRICT;
CREATE TABLE IF NOT EXISTS alerts (
    cause TEXT PRIMARY KEY, since INTEGER NOT NULL, count INTEGER NOT NULL, told INTEGER NOT NULL,
    gone INTEGER NOT NULL, until INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS messages (
    number INTEGER PRIMARY KEY, place TEXT NOT NULL, alert TEXT NOT NULL, tries INTEGER NOT NULL,
    due INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS told (
    place TEXT PRIMARY KEY, size INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS office_visit (
    one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL, came INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lives (
    device TEXT PRIMARY KEY, epoch INTEGER NOT NULL, names BLOB NOT NULL, returns INTEGER NOT NULL,
    since TEXT NOT NULL, last TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS packages (
    number INTEGER PRIMARY KEY, start INTEGER NOT NULL, size INTEGER NOT NULL,
    annexes_from INTEGER NOT NULL, annexes INTEGER NOT NULL, tokens_from INTEGER NOT NULL,
    tokens INTEGER NOT NULL, note BLOB NOT NULL, bytes INTEGER NOT NULL, step INTEGER NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS handed (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, size INTEGER NOT NULL,
    annexes INTEGER NOT NULL, tokens INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS documents (
    name TEXT PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS edge_tiles (
    level INTEGER PRIMARY KEY, number INTEGER NOT NULL, width INTEGER NOT NULL,
    data BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS shared_keys (
    name TEXT PRIMARY KEY, vkey TEXT NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS receivers (
    name TEXT PRIMARY KEY, beat INTEGER NOT NULL, started TEXT NOT NULL, version TEXT NOT NULL,
    size INTEGER NOT NULL, standing TEXT NOT NULL, causes TEXT NOT NULL, settings TEXT NOT NULL,
    seen INTEGER NOT NULL, ahead INTEGER NOT NULL, leases TEXT NOT NULL,
    digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS login_keys (
    one INTEGER PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS used_logins (
    state BLOB PRIMARY KEY, until INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS fleet (
    device TEXT PRIMARY KEY, grp TEXT NOT NULL, custody TEXT NOT NULL, epoch INTEGER NOT NULL,
    enrolled INTEGER NOT NULL, condition TEXT NOT NULL, rank INTEGER NOT NULL,
    since INTEGER NOT NULL, troubles TEXT NOT NULL, newest INTEGER NOT NULL,
    sealed INTEGER NOT NULL, heard INTEGER NOT NULL, stated INTEGER NOT NULL, version TEXT NOT NULL,
    ordered TEXT NOT NULL, skew INTEGER NOT NULL, policy INTEGER NOT NULL, waiting INTEGER NOT NULL,
    spool INTEGER NOT NULL, spool_limit INTEGER NOT NULL, certificate INTEGER NOT NULL,
    away TEXT NOT NULL, wanted INTEGER NOT NULL, follows TEXT NOT NULL, ended INTEGER NOT NULL,
    due INTEGER NOT NULL, digest BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS fleet_worst ON fleet (rank, since, device);
CREATE INDEX IF NOT EXISTS fleet_group ON fleet (grp, rank, since, device);
CREATE INDEX IF NOT EXISTS fleet_names ON fleet (grp, device);
CREATE INDEX IF NOT EXISTS fleet_sealed ON fleet (sealed, device);
CREATE INDEX IF NOT EXISTS fleet_spool ON fleet (spool DESC, device);
CREATE INDEX IF NOT EXISTS fleet_version ON fleet (ordered, device);
CREATE INDEX IF NOT EXISTS fleet_ended ON fleet (ended, device);
CREATE INDEX IF NOT EXISTS fleet_due ON fleet (due);
CREATE TABLE IF NOT EXISTS fleet_troubles (
    code TEXT NOT NULL, device TEXT NOT NULL, since INTEGER NOT NULL, count INTEGER NOT NULL,
    digest BLOB NOT NULL, PRIMARY KEY (code, device)) STRICT;
CREATE INDEX IF NOT EXISTS fleet_troubles_oldest ON fleet_troubles (code, since);
CREATE TABLE IF NOT EXISTS fleet_counts (
    what TEXT NOT NULL, name TEXT NOT NULL, detail TEXT NOT NULL, devices INTEGER NOT NULL,
    amount INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (what, name, detail)) STRICT;
CREATE INDEX IF NOT EXISTS refusals_by_time ON refusals (at, code);
CREATE INDEX IF NOT EXISTS refusals_by_device ON refusals (device, proven, number);
CREATE INDEX IF NOT EXISTS refusals_unproven ON refusals (proven, number);
INSERT INTO tree VALUES (1, 0, x'') ON CONFLICT (one) DO NOTHING;
"""
DIGESTED: Final = (
    "accounts",
    "refusals",
    "cosignatures",
    "annexes",
    "held",
    "heartbeats",
    "arrivals",
    "device_days",
    "locals",
    "sessions",
    "timestamps",
    "probe",
    "trail",
    "trail_head",
    "trail_segments",
    "links",
    "notices",
    "alerts",
    "messages",
    "told",
    "office_visit",
    "lives",
    "packages",
    "handed",
    "documents",
    "edge_tiles",
    "shared_keys",
    "receivers",
    "login_keys",
    "used_logins",
    "fleet",
    "fleet_troubles",
    "fleet_counts",
)

_TABLE: Final = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\)\s*STRICT;", re.DOTALL)
_COMMA: Final = re.compile(r",\s*(?![^()]*\))")
_KEY: Final = "PRIMARY KEY"


def tables() -> list[str]:
    """The names of all tables."""
    return [name for name, _ in _TABLE.findall(SCHEMA)]


@cache
def put(table: str) -> str:
    """The statement that writes a row, in the place of the one with its key where there is one."""
    names, key = _columns(table)
    rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in key)
    marks = ", ".join("?" * len(names))
    return (
        f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - names of SCHEMA
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {rest}"
    )


def _columns(table: str) -> tuple[list[str], list[str]]:
    """The columns of a table, and those that are its key."""
    found = dict(_TABLE.findall(SCHEMA))[table]
    parts = [part.strip() for part in _COMMA.split(found)]
    for part in parts:
        if part.startswith(_KEY):
            return [_name(p) for p in parts if p is not part], re.findall(r"\w+", part[len(_KEY) :])
    return [_name(part) for part in parts], [_name(part) for part in parts if _KEY in part]


def _name(column: str) -> str:
    return column.split(maxsplit=1)[0]


def next_number(table: str) -> str:
    """The question for the number of the next row, within the change that writes it."""
    return f"SELECT coalesce(max(number), 0) + 1 FROM {table}"  # noqa: S608 - likewise


_UTF8: Final = ("utf-8", "surrogatepass")
_LETTERS: Final = {str: b"s", bytes: b"b", int: b"i", bool: b"b"}  # of a column's type


def row_digest(*columns: str | bytes | int) -> bytes:
    """SHA-256 over the columns of a row, each after its type and length."""
    parts: list[bytes] = []
    for column in columns:  # thousands of rows a second pass here
        kind = type(column)
        data = column if isinstance(column, bytes) else str(column).encode(*_UTF8)
        letter = _LETTERS.get(kind) or kind.__name__[:1].encode()
        parts += (letter, len(data).to_bytes(4, "big"), data)
    return hashlib.sha256(b"".join(parts)).digest()
