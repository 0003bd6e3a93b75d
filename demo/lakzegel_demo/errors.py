# SPDX-License-Identifier: EUPL-1.2
"""What can go wrong in a demo.

DemoError
├── UsageError       the arguments cannot be used: exit code 2
├── NotProvenError   something was not verified or not restored identical: exit code 1
├── RefusedError     a party could not reach another, or was refused: exit code 3
├── PartyError       a party ended with an error of its own: exit code 4
└── StoppedError     Ctrl-C or a request to end: exit code 130
"""

from typing import ClassVar


class DemoError(Exception):
    """Anything that ends the demo before VERIFIED."""

    exit_code: ClassVar[int] = 4


class UsageError(DemoError):
    """The arguments cannot be used."""

    exit_code: ClassVar[int] = 2


class NotProvenError(DemoError):
    """The demo ran and did not show what it must show."""

    exit_code: ClassVar[int] = 1


class RefusedError(DemoError):
    """A party could not reach another one, or was refused."""

    exit_code: ClassVar[int] = 3


class PartyError(DemoError):
    """A party's command ended with an error of its own."""


class StoppedError(DemoError):
    """Somebody asked the demo to stop."""

    exit_code: ClassVar[int] = 130
