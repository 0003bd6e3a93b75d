# SPDX-License-Identifier: EUPL-1.2
"""What a backup holds, file by file (docs/spec/backup.md §1).

lakzegel.nl/backup/v1
log log.example/lakzegel
size 1042
root CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
at 2026-11-24T02:07:45Z
keys no
files 2316

0f1e… 8192 log/tile/0/000
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from lakzegel_core.checkpoint import Checkpoint
from lakzegel_core.encoding import b64, format_time, parse_decimal, parse_time, unb64
from lakzegel_core.errors import FormatError, LakzegelError
from lakzegel_core.keys import check_name
from lakzegel_core.limits import DIGEST
from lakzegel_server.errors import ConfigError

KIND: Final = "lakzegel.nl/backup/v1"
_LABELS: Final = ("log", "size", "root", "at", "keys", "files")
_PATH: Final = re.compile(
    r"(?:server\.toml|settings\.toml|log\.vkey|log\.keys|held|index\.sqlite"
    r"|keys/log\.(?:ed25519|mldsa|pkcs11)|keys/trail\.ed25519|trail/[0-9]+\.jsonl"
    r"|log/checkpoint|log/tile(?:/[a-z0-9]+(?:\.p)?)+"
    r"|batches/[0-9a-f]{64}\.batch|keyrings/[0-9a-f]{64}\.keyring"
    r"|(?:annexes|evidence)/[0-9a-f]{64}"
    r"|timestamps/(?:renewal-)?[1-9][0-9]{0,15}-[a-z0-9-]{1,63}\.(?:checkpoint|list|tsr)"
    r"|timestamps/roots/[0-9a-f]{64}\.pem)\Z"
)
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Stored:
    """The bytes of one file: their SHA-256 in hexadecimal, and how many."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup: of which tree, from when, and its files by their path below DATA."""

    tree: Checkpoint
    at: datetime
    keys: bool
    files: dict[str, Stored]

    def to_bytes(self) -> bytes:
        """The manifest's text."""
        values = (
            self.tree.origin,
            str(self.tree.size),
            b64(self.tree.root),
            format_time(self.at),
            "yes" if self.keys else "no",
            str(len(self.files)),
        )
        head = [KIND, *(f"{k} {v}" for k, v in zip(_LABELS, values, strict=True)), ""]
        body = [f"{s.sha256} {s.size} {path}" for path, s in sorted(self.files.items())]
        return "".join(f"{line}\n" for line in (*head, *body)).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The manifest of these bytes.

        Raises:
            ConfigError: they are none, or name what no receiver has.
        """
        try:
            found = cls._parse(data.decode().split("\n"))
        except (UnicodeDecodeError, LakzegelError, ValueError) as error:
            raise ConfigError(f"manifest: {error}") from None
        if found.to_bytes() != data:
            raise ConfigError("manifest: not the one encoding")
        return found

    @classmethod
    def _parse(cls, lines: list[str]) -> Self:
        count = len(_LABELS) + 1
        if lines[0] != KIND or len(lines) < count + 2:
            raise FormatError("manifest", f"does not begin with {KIND}")
        pairs = [line.partition(" ") for line in lines[1:count]]
        if tuple(label for label, _, _ in pairs) != _LABELS:
            raise FormatError("manifest", f"not the lines {', '.join(_LABELS)}")
        origin, size, root, at, keys, _ = (value for _, _, value in pairs)
        tree = Checkpoint(
            check_name(origin),
            parse_decimal(size, what="size"),
            unb64(root, what="root", size=DIGEST),
        )
        files = dict(_file(line) for line in lines[count + 1 : -1])
        return cls(tree, parse_time(at, what="at"), keys == "yes", files)


def _file(line: str) -> tuple[str, Stored]:
    sha256, _, rest = line.partition(" ")
    size, _, path = rest.partition(" ")
    if not _SHA256.match(sha256) or not _PATH.match(path):
        raise FormatError("manifest", "names what no receiver has")
    return path, Stored(sha256, parse_decimal(size, what="size"))
