# SPDX-License-Identifier: EUPL-1.2
"""``[web]``: the address that people use, and the proxies before it (docs/spec/people.md §7)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from lakzegel_server.settings_section import Section


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http or https address")
    if text != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise ValueError("more than scheme, host and port; take the rest away")
    return text


Origin = Annotated[str, AfterValidator(_origin)]
Address = IPv4Address | IPv6Address


class Web(Section):
    """How people reach this receiver."""

    url: Origin | None = None
    proxies: tuple[Address, ...] = ()
