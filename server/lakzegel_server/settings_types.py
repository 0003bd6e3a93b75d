# SPDX-License-Identifier: EUPL-1.2
"""Values of ``settings.toml`` that several sections have (docs/spec/receiver-settings.md)."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from lakzegel_core.errors import PolicyError
from lakzegel_core.units import parse_duration, parse_size

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def _seconds(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("not a duration like 15m or 1h, in quotes")  # noqa: TRY004 - pydantic's
    try:
        return parse_duration(value, what="duration")
    except PolicyError:
        raise ValueError("not a duration like 15m or 1h") from None


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("not a size like 16 MiB or 2 GiB, in quotes")  # noqa: TRY004 - pydantic's
    try:
        return parse_size(value, what="size")
    except PolicyError:
        raise ValueError("not a size like 16 MiB or 2 GiB") from None


def _slug(text: str) -> str:
    if not _SLUG.match(text):
        raise ValueError("not 1 to 63 of a to z, 0 to 9 and hyphens within")
    return text


Seconds = Annotated[float, BeforeValidator(_seconds)]  # written as a duration
Size = Annotated[int, BeforeValidator(_bytes)]  # bytes, written as a size
Slug = Annotated[str, AfterValidator(_slug)]
