# SPDX-License-Identifier: EUPL-1.2
# ruff: noqa: E501 - a table reads best with one case a line
"""Cases of what a capture item states."""

from __future__ import annotations

from kit.case import OK, Case
from kit.text_cases import Row, table
from lakzegel_core.encoding import JsonValue, b64, canonical_json

F, L = "FormatError", "LimitError"
ROW = [0, 0, 0, 40, b64(bytes(range(32)))]
GOOD: dict[str, JsonValue] = {
    "file": "0123456789abcdef0123456789abcdef",
    "mode": 420,
    "mtime": "1700000000000000001",
    "segments": [ROW, [0, 1, 7, 2, b64(bytes(32))]],
    "size": 42,
    "version": 0,
}
STRETCH = [0, 20_000, 419_430_400]
BASE = [0, 0, 9, b64(bytes(range(32, 64)))]
BUILT: dict[str, JsonValue] = {
    "base": BASE,
    "file": "0123456789abcdef0123456789abcdef",
    "mode": 384,
    "mtime": "1700000000000000002",
    "segments": [STRETCH, [0, 3, 0, 22, b64(bytes(32))]],
    "size": 419_430_422,
    "version": 4,
}


def built(**changes: JsonValue) -> bytes:
    return canonical_json({**BUILT, **changes})


def of(**changes: JsonValue) -> bytes:
    return canonical_json({**GOOD, **changes})


def capture_cases() -> list[Case]:
    without = canonical_json({label: value for label, value in GOOD.items() if label != "mode"})
    rows: list[Row] = [
        ("two-segments", OK, "the second was sealed with a later batch", of()),
        ("empty-file", OK, "no segments, no bytes", of(segments=[], size=0)),
        ("before-1970", OK, "times may be negative", of(mtime="-1")),
        ("stretches", OK, "one mail appended to a large mbox", built()),
        ("stretch-after-stretch", OK, "a mail in between was expunged", built(segments=[[0, 7, 70], [8, 3, 30]], size=100)),
        ("field-missing", F, "exactly the six fields", without),
        ("field-unknown", F, "exactly the six fields", of(sha256=b64(bytes(32)))),
        ("sizes-do-not-add-up", F, "the file is its segments", of(size=41)),
        ("size-negative", F, "a number from 0", of(size=-1)),
        ("version-true", F, "Python's True is an int", of(version=True)),
        ("file-not-hex", F, "32 hexadecimal digits", of(file="x")),
        ("file-in-capitals", F, "lower case", of(file="0123456789ABCDEF0123456789ABCDEF")),
        ("mtime-number", F, "a text: nanoseconds exceed 2^53", of(mtime=1)),
        ("mtime-minus-zero", F, "one spelling of zero", of(mtime="-0")),
        ("mtime-leading-zero", F, "one spelling", of(mtime="01")),
        ("segments-not-a-list", F, "a list of lists", of(segments={})),
        ("segment-of-four", F, "epoch, batch, index, size, commitment", of(segments=[ROW[:4]], size=40)),
        ("segment-negative", F, "numbers from 0", of(segments=[[0, -1, *ROW[2:]]], size=40)),
        ("commitment-short", F, "32 bytes", of(segments=[[*ROW[:4], b64(bytes(31))]], size=40)),
        ("stretch-without-base", F, "of which segments?", of(segments=[STRETCH], size=STRETCH[2])),
        ("base-without-stretch", F, "it builds on nothing", built(segments=[ROW], size=40)),
        ("stretch-of-none", F, "at least one segment", built(segments=[[0, 0, 0]], size=0)),
        ("stretch-negative", F, "numbers from 0", built(segments=[[-1, 2, 40]], size=40)),
        ("stretch-size-does-not-add-up", F, "the file is its segments", built(size=419_430_400)),
        ("stretches-too-long", L, "2^20 segments, the last one too many", built(segments=[[0, 2**20, 5], STRETCH], size=STRETCH[2] + 5)),
        ("base-of-three", F, "epoch, batch, index, commitment", built(base=BASE[:3])),
        ("base-commitment-short", F, "32 bytes", built(base=[*BASE[:3], b64(bytes(31))])),
        ("base-null", F, "there is one, or no such field", of(base=None)),
        ("first-version-with-base", F, "there is none before it", built(version=0)),
        ("not-an-object", F, "an object", b"[]"),
        ("not-canonical", F, "a space", of().replace(b":42", b": 42")),
        ("number-too-large", L, "2^53", of().replace(b":42", b":9007199254740992")),
    ]  # fmt: skip
    return table(rows)
