# SPDX-License-Identifier: EUPL-1.2
"""Every age vector of CCTV that concerns what we write and read.

48 of the 143 do not: 33 are ASCII armour, which we neither write nor read, and 15 are about the
X25519 recipient itself. The others that happen to use such a recipient are still run: they state
their file key, so header, MAC and payload are checked without unwrapping it.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakzegel_core import age, age_header
from lakzegel_core.errors import DecryptError, FormatError, LakzegelError

FAILURES = {
    "header failure": FormatError,  # LimitError, for a work factor, is one
    "HMAC failure": DecryptError,
    "no match": DecryptError,
    "payload failure": DecryptError,
}
LIMIT = 2**25


@dataclass(frozen=True)
class Vector:
    name: str
    fields: dict[str, list[str]]
    data: bytes

    @property
    def expect(self) -> str:
        return self.fields["expect"][0]

    @property
    def hybrid(self) -> list[str]:
        return [i for i in self.fields.get("identity", []) if i.startswith(age.IDENTITY_PREFIX)]

    @property
    def armored(self) -> bool:
        return "armored" in self.fields

    @property
    def about_x25519(self) -> bool:
        return self.name.startswith("x25519") or self.name == "hybrid_x25519_arg"

    def open(self) -> bytes:
        if self.hybrid:
            identities = [age.Identity.from_text(text) for text in self.hybrid]
            return age.decrypt(self.data, identities, max_size=LIMIT)
        if "passphrase" in self.fields:
            return age.decrypt_passphrase(self.data, self.fields["passphrase"][0], max_size=LIMIT)
        if self.name == "scrypt_and_x25519":
            return age.decrypt(self.data, [age.Identity.generate()], max_size=LIMIT)
        header = age_header.parse(self.data)
        file_key = bytes.fromhex(self.fields["file key"][0])
        return age.finish(self.data, header, file_key, max_size=LIMIT)


def load(folder: Path) -> list[Vector]:
    vectors = []
    for path in sorted((folder / "age").iterdir()):
        head, data = path.read_bytes().split(b"\n\n", 1)
        fields: dict[str, list[str]] = {}
        for line in head.decode().split("\n"):
            label, value = line.split(": ", 1)
            fields.setdefault(label, []).append(value)
        if fields.get("compressed") == ["zlib"]:
            data = zlib.decompress(data)
        vectors.append(Vector(path.name, fields, data))
    return vectors


def test_every_applicable_vector_agrees(foreign_vectors: Path) -> None:
    wrong = []
    applicable = [v for v in load(foreign_vectors) if not v.armored and not v.about_x25519]
    for vector in applicable:
        try:
            outcome: object = hashlib.sha256(vector.open()).hexdigest()
        except LakzegelError as error:
            outcome = type(error)
        if vector.expect == "success":
            agrees = outcome == vector.fields["payload"][0]
        else:
            agrees = isinstance(outcome, type) and issubclass(outcome, FAILURES[vector.expect])
        if not agrees:
            wrong.append((vector.name, vector.expect, outcome))
    assert wrong == []
    assert len(applicable) == 95


def test_what_does_not_apply_is_known(foreign_vectors: Path) -> None:
    vectors = load(foreign_vectors)
    assert len(vectors) == 143
    assert sum(v.armored for v in vectors) == 33
    others = {v.name.removeprefix("x25519_") for v in vectors if v.about_x25519}
    assert others == {
        "bad_tag",
        "extra_argument",
        "grease",
        "hybrid_x25519_arg",
        "identity",
        "long_file_key",
        "long_share",
        "low_order",
        "lowercase",
        "multiple_recipients",
        "no_match",
        "not_canonical_body",
        "not_canonical_share",
        "short_share",
        "x25519",
    }


def test_an_x25519_identity_is_not_taken_for_ours() -> None:
    text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    with pytest.raises(FormatError):
        age.Identity.from_text(text)
