# SPDX-License-Identifier: EUPL-1.2
"""``[web]`` and ``[login]``: how people reach this receiver, and log in (people.md §7, §9)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from lakzegel_server.accounts import AccountRole
from lakzegel_server.settings_section import AbsolutePath, Section, ServerUrl

CALLBACK: Final = "/login/callback"


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http or https address")
    if text != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError("more than scheme, host and port; take the rest away")
    return text


def _callback(text: str) -> str:
    if not text.endswith(CALLBACK):
        raise ValueError(f"does not end with {CALLBACK}")
    return text


Origin = Annotated[str, AfterValidator(_origin)]
Address = IPv4Address | IPv6Address


class Web(Section):
    """How people reach this receiver."""

    url: Origin | None = None
    proxies: tuple[Address, ...] = ()


class Login(Section):
    """Single sign-on."""

    issuer: ServerUrl
    client_id: str
    client_secret_file: AbsolutePath
    redirect: Annotated[ServerUrl, AfterValidator(_callback)]
    claim: str = "groups"
    name: str = "sub"
    scope: str = "openid"
    acr: tuple[str, ...] = ()
    ca_file: AbsolutePath | None = None
    roles: dict[AccountRole, tuple[str, ...]]

    @model_validator(mode="after")
    def _one_role_a_value(self) -> Self:
        values = [value for values in self.roles.values() for value in values]
        if len(values) != len(set(values)):
            raise ValueError("a value is mapped twice; roles do not overlap")
        return self

    def role_of(self, value: str) -> AccountRole | None:
        """The role that a value of the claim gives."""
        return next((role for role, values in self.roles.items() if value in values), None)
