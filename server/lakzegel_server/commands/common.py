# SPDX-License-Identifier: EUPL-1.2
"""What several commands share."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from lakzegel_server.commands.placed import add_places

Run = Callable[[argparse.Namespace], int]
FINE, FOUND, REFUSED = 0, 1, 1


class Commands(Protocol):
    """What a command's module adds itself to."""

    def add_parser(
        self,
        name: str,
        **kwargs: Any,  # noqa: ANN401 - argparse's own signature
    ) -> argparse.ArgumentParser:
        """The parser of a new command."""
        ...


def command(commands: Commands, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """The parser of a command, with the arguments that all have."""
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="the receiver's folder"
    )
    add_places(parser)
    parser.set_defaults(run=run)
    return parser


def wall_clock() -> float:
    """POSIX seconds."""
    return time.time()
