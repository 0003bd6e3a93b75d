# SPDX-License-Identifier: EUPL-1.2
"""``[[timestamp]]``: whom to ask for tokens (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from lakzegel_server.settings_section import AbsolutePath, Section
from lakzegel_server.settings_types import Seconds, Slug


def _address(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.username is None and parts.password is None and not parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise ValueError("not an http:// or https:// address without user, password or fragment")
    if not url.isascii() or not url.isprintable() or " " in url or (parts.port or 1) < 1:
        raise ValueError("not an address")
    return url


def _proxy(url: str) -> str:
    parts = urlsplit(_address(url))
    if parts.scheme != "http" or parts.port is None or parts.path.strip("/") or parts.query:
        raise ValueError("not http://HOST:PORT")
    return url


User = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^:\x00-\x1f]+$")]


class TimestampAuthority(Section):
    """One authority."""

    name: Slug
    url: Annotated[str, AfterValidator(_address)]
    roots_file: AbsolutePath
    ca_file: AbsolutePath | None = None
    every: Annotated[Seconds, Field(ge=60, le=7 * 86400)] = 3600.0
    user: User | None = None
    password_file: AbsolutePath | None = None
    proxy: Annotated[str, AfterValidator(_proxy)] | None = None

    @model_validator(mode="after")
    def _login(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.user is not None and not self.url.startswith("https://"):
            raise ValueError("a login needs an https:// address")
        return self


def distinct(authorities: tuple[TimestampAuthority, ...]) -> tuple[TimestampAuthority, ...]:
    """The authorities, when no two have one name."""
    if len({authority.name for authority in authorities}) != len(authorities):
        raise ValueError("two have the same name")
    return authorities


Timestamps = Annotated[tuple[TimestampAuthority, ...], AfterValidator(distinct)]
