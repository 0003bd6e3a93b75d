# SPDX-License-Identifier: EUPL-1.2
"""What every table of ``settings.toml`` is (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
