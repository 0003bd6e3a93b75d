# SPDX-License-Identifier: EUPL-1.2
"""``[stores]``: where index, objects and keyrings are (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.settings_section import AbsolutePath, Section
from lakzegel_server.stores.place import S3Place


def _address(text: str) -> str:
    """An address of PostgreSQL; what is wrong with it is said without repeating it."""
    try:
        return Address.parse(text).url
    except ConfigError:
        raise ValueError("not an address such as postgresql://user@host/name") from None


def _store(text: str) -> str:
    """An address of an S3 store; likewise."""
    try:
        S3Place.parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text


StoreUrl = Annotated[str, AfterValidator(_store)]


class StoreSettings(Section):
    """What does not lie below DATA; nothing, when the section is absent."""

    database: Annotated[str, AfterValidator(_address)] | None = None
    objects: StoreUrl | None = None
    objects_credentials: AbsolutePath | None = None
    keyrings: StoreUrl | None = None
    keyrings_credentials: AbsolutePath | None = None
