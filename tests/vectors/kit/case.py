# SPDX-License-Identifier: EUPL-1.2
"""A vector file: what is expected, why it is interesting, inputs, a blank line, the bytes.

expect: FormatError
comment: int() would take this
vkey: log.example/test+...

<the bytes, to the end of the file>
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakzegel_core import note
from lakzegel_core.keys import SigningKey

VECTORS = Path(__file__).resolve().parents[1]
OK = "ok"
Inputs = tuple[tuple[str, str], ...]
Edit = tuple[str, str, str, str, str]  # name, old, new, expect, comment


@dataclass(frozen=True)
class Case:
    """One vector."""

    name: str
    expect: str
    comment: str
    body: bytes
    inputs: Inputs = ()

    def to_bytes(self) -> bytes:
        rows = [("expect", self.expect), ("comment", self.comment), *self.inputs]
        head = "".join(f"{label}: {value}\n" for label, value in rows)
        if head.count("\n") != len(rows):
            raise ValueError(self.name)
        return head.encode() + b"\n" + self.body

    @classmethod
    def parse(cls, name: str, data: bytes) -> Case:
        head, _, body = data.partition(b"\n\n")
        rows = [row.split(": ", 1) for row in head.decode().split("\n")]
        labels = [row[0] for row in rows[:2]]
        if labels != ["expect", "comment"]:
            raise ValueError(f"{name}: does not begin with expect and comment")
        inputs = tuple((label, value) for label, value in rows[2:])
        return cls(name, rows[0][1], rows[1][1], body, inputs)

    def all(self, label: str) -> list[str]:
        return [value for found, value in self.inputs if found == label]

    def one(self, label: str) -> str:
        (value,) = self.all(label)
        return value


def load(vector_format: str) -> list[Case]:
    """Every case of a format, by name."""
    folder = VECTORS / vector_format
    return [Case.parse(path.name, path.read_bytes()) for path in sorted(folder.iterdir())]


def kept(vector: str) -> bytes | None:
    """The bytes of a vector that was made before; signing anew would give others."""
    path = VECTORS / vector
    return Case.parse(path.name, path.read_bytes()).body if path.exists() else None


def edited(text: bytes, keys: Sequence[SigningKey], inputs: Inputs, edits: Sequence[Edit]):
    """The same note with one thing changed before it is signed: only its form is wrong."""
    for name, old, new, expect, comment in edits:
        if text.count(old.encode()) < 1:
            raise ValueError(f"{name}: {old!r} is not in the text")
        changed = text.replace(old.encode(), new.encode(), 1)
        yield Case(name, expect, comment, note.sign(changed, keys), inputs)


def common(
    text: bytes, keys: Sequence[SigningKey], stranger: SigningKey, inputs: Inputs
) -> Iterator[Case]:
    """What every note of ours must refuse: its first lines, and whoever signed it."""
    first, log = text.split(b"\n")[:2]
    yield from edited(
        text,
        keys,
        inputs,
        (
            (
                "kind-of-another-version",
                first.decode(),
                first.decode()[:-1] + "2",
                "FormatError",
                "the first line names kind and version",
            ),
            (
                "log-line-missing",
                f"{log.decode()}\n",
                "",
                "FormatError",
                "the second line names the log",
            ),
            (
                "log-line-without-label",
                "\nlog ",
                "\nlog",
                "FormatError",
                "a label and its value are separated by one space",
            ),
        ),
    )
    if not text.startswith(b"lakzegel.nl/policy"):
        more = note.sign(text + b"remark none\n", keys)
        yield Case("line-too-many", "FormatError", "a line nobody asked for", more, inputs)
    good = note.sign(text, keys)
    other = note.sign(text, [*keys[:-1], stranger])
    yield Case("another-signer", "UnknownKeyError", "a key without this right", other, inputs)
    extra = note.sign(text, [*keys, stranger])
    yield Case(
        "signature-too-many", "UnknownKeyError", "exactly the required signatures", extra, inputs
    )
    parsed = note.parse(good)
    bare = text + b"\n"
    yield Case("unsigned", "FormatError", "a note has a signature", bare, inputs)
    raw = bytearray(parsed.signatures[-1].raw)
    raw[0] ^= 1
    last = parsed.signatures[-1]
    lines = (*parsed.signatures[:-1], note.Signature(last.name, last.key_id, bytes(raw)))
    changed = note.Note(text, lines).to_bytes()
    yield Case("signature-altered", "SignatureError", "one bit of R", changed, inputs)
    if len(keys) > 1:
        short = note.sign(text, keys[:-1])
        yield Case(
            "signature-missing", "MissingSignatureError", "one signature too few", short, inputs
        )
