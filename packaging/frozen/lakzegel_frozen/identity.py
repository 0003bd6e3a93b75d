# SPDX-License-Identifier: EUPL-1.2
"""Who the package says that it is: what MDM, a permission and an upgrade recognise it by."""

from __future__ import annotations

import tomllib
import uuid
from pathlib import Path
from typing import Final

NAME: Final = "Lakzegel Agent"
AGENT: Final = "lakzegel-agent"
WORKER: Final = "lakzegel-worker"
IDENTIFIER: Final = "nl.lakzegel.agent"  # of the bundle, the package and its signature
WORKER_IDENTIFIER: Final = "nl.lakzegel.agent.worker"  # no permission names it
PUBLISHER: Final = "Lakzegel's contributors"
# of every version of the package for Windows, for ever: an upgrade finds its forerunner by it
UPGRADE: Final = uuid.UUID("8f1c6c1e-5d0a-5b52-9d0e-6f0f3a1d7c44")
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "agent.lakzegel.nl")
# 1 January 2020: the one time of every file in a package that names no other
EPOCH: Final = 1_577_836_800
CHECKOUT: Final = Path(__file__).parents[3]


def version(checkout: Path = CHECKOUT) -> str:
    """The version that pyproject.toml names."""
    with (checkout / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def number(*names: str) -> uuid.UUID:
    """The number of a part of the package: of the same names always the same one."""
    return uuid.uuid5(NAMESPACE, "\n".join(names))
