# SPDX-License-Identifier: EUPL-1.2
"""The address of an S3 store (docs/spec/stores.md §4).

s3://bucket/prefix?endpoint=https://s3.example&region=nl-1&retain-days=3653&path-style=yes
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

from lakzegel_server.errors import ConfigError
from lakzegel_web.listening import is_loopback

MAX_URL: Final = 1024  # characters
MAX_DAYS: Final = 36_500
REGION: Final = "us-east-1"  # what most stores that are not AWS's take
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_PREFIX: Final = re.compile(
    r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?\Z"
)
_REGION: Final = re.compile(r"[a-z0-9-]{1,40}\Z")
_STYLES: Final = {"yes": True, "no": False}
_KEYS: Final = frozenset({"endpoint", "region", "retain-days", "path-style"})


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, a prefix in it, and how it is reached."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str = REGION
    retain_days: int | None = None
    path_style: bool = False

    @property
    def base(self) -> str:
        """What every key begins with."""
        return f"{self.prefix}/" if self.prefix else ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @classmethod
    def parse(cls, url: str) -> Self:
        """The place that a URL names.

        Raises:
            ConfigError: what is wrong with it; never the whole of it, which may hold a secret.
        """
        try:
            return cls._parse(url)
        except ValueError as error:
            raise ConfigError(f"the URL of a store: {error}") from None

    @classmethod
    def _parse(cls, url: str) -> Self:
        _require(len(url) <= MAX_URL, f"more than {MAX_URL} characters")
        parts = urlsplit(url)
        _require(parts.scheme == "s3", "begins with s3://bucket")
        _require("@" not in parts.netloc, "holds credentials; those belong in a file of their own")
        _require(bool(_BUCKET.match(parts.netloc)), "not the name of a bucket after s3://")
        prefix = parts.path.strip("/")
        _require(bool(_PREFIX.match(prefix)) and not parts.fragment, "not a prefix of plain names")
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        known = dict(given)
        _require(
            len(known) == len(given) and set(known) <= _KEYS, f"takes {', '.join(sorted(_KEYS))}"
        )
        endpoint = known.get("endpoint")
        region = known.get("region", REGION)
        _require(bool(_REGION.match(region)), "region: not the name of one")
        style = known.get("path-style", "no" if endpoint is None else "yes")
        _require(style in _STYLES, "path-style: yes or no")
        return cls(
            bucket=parts.netloc,
            prefix=prefix,
            endpoint=None if endpoint is None else _endpoint(endpoint),
            region=region,
            retain_days=_days(known.get("retain-days")),
            path_style=_STYLES[style],
        )


def _require(fine: bool, what: str) -> None:  # noqa: FBT001 - what is demanded
    if not fine:
        raise ValueError(what)


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    _require(bool(parts.hostname) and "@" not in parts.netloc, "endpoint: not https://host")
    _require(
        not (parts.query or parts.fragment) and parts.path in {"", "/"}, "endpoint: has a path"
    )
    plain = parts.scheme == "http" and is_loopback(parts.hostname or "")
    _require(
        parts.scheme == "https" or plain,
        "endpoint: not https (plain http is for loopback addresses only)",
    )
    return url.rstrip("/")


def _days(text: str | None) -> int | None:
    if text is None:
        return None
    _require(text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_DAYS)), "retain-days")
    _require(1 <= int(text) <= MAX_DAYS, f"retain-days: from 1 to {MAX_DAYS}")
    return int(text)
