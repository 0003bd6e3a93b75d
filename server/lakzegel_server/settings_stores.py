# SPDX-License-Identifier: EUPL-1.2
"""``[stores]``: where the index is (docs/spec/receiver-settings.md, stores.md §1)."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from lakzegel_server.errors import ConfigError
from lakzegel_server.index.place import Address
from lakzegel_server.settings_section import Section


def _address(text: str) -> str:
    """An address of PostgreSQL; what is wrong with it is said without repeating it."""
    try:
        return Address.parse(text).url
    except ConfigError:
        raise ValueError("not an address such as postgresql://user@host/name") from None


class StoreSettings(Section):
    """What does not lie below DATA; nothing, when the section is absent."""

    database: Annotated[str, AfterValidator(_address)] | None = None
