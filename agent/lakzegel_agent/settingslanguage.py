# SPDX-License-Identifier: EUPL-1.2
"""The language of whoever runs a command, by the variables that gettext knows."""

from __future__ import annotations

import os

from lakzegel_core.words import language_of


def language() -> str:
    """Dutch where nothing says otherwise."""
    return language_of(os.environ)
