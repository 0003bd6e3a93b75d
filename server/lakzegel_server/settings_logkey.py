# SPDX-License-Identifier: EUPL-1.2
"""``[log_key]``: where the log's Ed25519 key is (docs/spec/receiver-settings.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lakzegel_server.settings_section import AbsolutePath, Section

Label = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class LogKey(Section):
    """A key of a PKCS#11 token."""

    module: AbsolutePath
    token: Label
    key: Label
    pin_file: AbsolutePath
