# SPDX-License-Identifier: EUPL-1.2
"""``[healthz]`` and ``[metrics]`` (docs/spec/monitoring.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator

from lakzegel_core.errors import PolicyError
from lakzegel_core.units import parse_size
from lakzegel_server.settings_section import Section

GIB: Final = 2**30


def _bytes(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_size(value, what="size")
        except PolicyError:
            pass
    raise ValueError("not a size like 512 MiB or 2 GiB, in quotes")


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


Bytes = Annotated[int, BeforeValidator(_bytes)]  # written as a size
File = Annotated[Path, AfterValidator(_absolute)]


class Healthz(Section):
    """When a receiver says of itself that it is not well."""

    free: Bytes = 2 * GIB  # room on the disk of DATA; the largest upload has 1 GiB


class Metrics(Section):
    """What `/metrics` tells, and to whom beside role `it`."""

    token_file: File | None = None
    devices: bool = False  # a series a device is a diary of when its user works
