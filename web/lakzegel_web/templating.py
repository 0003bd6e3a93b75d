# SPDX-License-Identifier: EUPL-1.2
"""Where a room's templates come from: its own package, and the frame that every page stands in."""

from __future__ import annotations

from functools import cache

import jinja2

from lakzegel_web.assets import HOUSE


@cache
def environment_of(package: str) -> jinja2.Environment:
    """Return a room's environment; everything that its templates are given is escaped."""
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader(HOUSE)]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
