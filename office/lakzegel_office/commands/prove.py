# SPDX-License-Identifier: EUPL-1.2
"""`prove`: one item's bytes and the proof of them, for somebody who trusts only keys."""

import argparse

from lakzegel_office.commands.common import Commands


def add(commands: Commands) -> None:
    """Add the command."""


def run(arguments: argparse.Namespace) -> int:
    """Placeholder until core.itemproof exists."""
    return 0
