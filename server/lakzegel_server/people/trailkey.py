# SPDX-License-Identifier: EUPL-1.2
"""The key that signs what the log tells of the trail: a key of its own, for nothing else."""

from __future__ import annotations

from typing import Final

from lakzegel_core.errors import LakzegelError
from lakzegel_core.keys import SEED_SIZE, Algorithm, SigningKey
from lakzegel_core.trail import trail_key_name
from lakzegel_server.durable import replace_file
from lakzegel_server.errors import ConfigError
from lakzegel_server.layout import Layout

TRAIL_KEY: Final = "trail.ed25519"
__all__ = ["SEED_SIZE", "TRAIL_KEY", "ensure", "load"]


def ensure(layout: Layout, origin: str, seed: bytes) -> SigningKey:
    """The key that is there, or a new one of this seed.

    Raises:
        ConfigError: what is there is no key of this log's trail.
    """
    path = layout.key(TRAIL_KEY)
    if path.exists():
        return load(layout, origin)
    key = SigningKey.from_seed(trail_key_name(origin), Algorithm.ED25519, seed)
    replace_file(path, f"{key.to_text()}\n".encode(), work=layout.incoming)
    return key


def load(layout: Layout, origin: str) -> SigningKey:
    """The key.

    Raises:
        ConfigError: it is missing, damaged, or of something else.
    """
    path = layout.key(TRAIL_KEY)
    try:
        key = SigningKey.from_text(path.read_text("utf-8").removesuffix("\n"))
    except (OSError, UnicodeDecodeError, LakzegelError) as error:
        raise ConfigError(f"{path}: {error}") from None
    verifier = key.verifier
    if verifier.name != trail_key_name(origin) or verifier.algorithm is not Algorithm.ED25519:
        raise ConfigError(f"{path}: is a key of {verifier.name}, not of the trail of {origin}")
    return key
