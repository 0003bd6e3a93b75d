# SPDX-License-Identifier: EUPL-1.2
"""``[mail]``, ``[[webhook]]`` and ``[alerts]`` (docs/spec/alerts.md)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from lakzegel_core.errors import PolicyError
from lakzegel_core.units import parse_duration
from lakzegel_server.settings_section import AbsolutePath, Section, ServerUrl
from lakzegel_web.listening import is_loopback

_ONE_LINE = r"^[^\s<>,;\"()\[\]\\]+@[^\s<>,;\"()\[\]\\]+$"


def _seconds(value: object) -> object:
    if isinstance(value, str):
        try:
            return int(parse_duration(value, what="duration"))
        except PolicyError:
            pass
    raise ValueError("not a duration like 5m or 1h, in quotes")


def _distinct(hooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
    if len({hook.url for hook in hooks}) != len(hooks):
        raise ValueError("one address is named twice")
    return hooks


Address = Annotated[str, Field(pattern=_ONE_LINE, max_length=254)]
Seconds = Annotated[int, BeforeValidator(_seconds)]


class Mail(Section):
    """The relay that alerts go through."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]+$", max_length=255)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Address
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=20)]
    user: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    password_file: AbsolutePath | None = None
    ca_file: AbsolutePath | None = None

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file belong together")
        if self.security == "none" and (self.user or not is_loopback(self.host)):
            raise ValueError("security none is for a relay on this machine, without a login")
        return self


class Webhook(Section):
    """A program that alerts are posted to."""

    url: ServerUrl
    secret_file: AbsolutePath
    ca_file: AbsolutePath | None = None


class AlertSettings(Section):
    """Which alerts, and how fast."""

    quiet: tuple[str, ...] = ()  # codes that are not told
    settle: Seconds = 120  # a cause must hold so long before it is told
    recover: Seconds = 900  # and be gone so long before that is told
    refusals: Annotated[int, Field(ge=1)] = 100  # in ten minutes are a surge
    language: Literal["nl", "en"] = "nl"


Webhooks = Annotated[tuple[Webhook, ...], AfterValidator(_distinct)]
