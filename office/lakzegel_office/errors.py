# SPDX-License-Identifier: EUPL-1.2
"""The office's own faults, each with the exit code that its command ends with.

    OfficeError            4
    ├── DoubtError         1   a check found something
    │   └── ForkedError        the log was rolled back, or another one was shown
    ├── GoneError          1   it was destroyed, with a certificate
    ├── UsageError         2   arguments, configuration, a file the user gave
    │   └── BusyError          another command is at work on the same home
    └── UnreachableError   3   the receiver cannot be reached, or refused
        ├── MissingError       the receiver does not have what its log names
        └── RefusedError       the receiver says no; the same request will not do

What is wrong with bytes is told by `lakzegel_core.errors`.
"""

from typing import ClassVar


class OfficeError(Exception):
    """A fault that a person reads as one line: what, where, what to do."""

    exit_code: ClassVar[int] = 4


class DoubtError(OfficeError):
    """The evidence does not fit."""

    exit_code: ClassVar[int] = 1


class ForkedError(DoubtError):
    """The receiver's log is not the one that it showed before; the evidence is kept."""


class GoneError(OfficeError):
    """What is asked for was destroyed; the text names the certificate."""

    exit_code: ClassVar[int] = 1


class UsageError(OfficeError):
    """The command cannot be carried out as it was given."""

    exit_code: ClassVar[int] = 2


class BusyError(UsageError):
    """Another command changes the same home; the same command may do once that has ended."""


class UnreachableError(OfficeError):
    """The receiver did not answer, or not in time; trying again may do."""

    exit_code: ClassVar[int] = 3


class MissingError(UnreachableError):
    """The receiver has nothing under that name."""


class RefusedError(UnreachableError):
    """The receiver refused; the same request will be refused again."""
