# SPDX-License-Identifier: EUPL-1.2
"""Causes of what nobody is found with: somebody did something, or the log itself is not right."""

from __future__ import annotations

from typing import Final

from lakzegel_server.fleet.cause import Cause, Owner, Severity
from lakzegel_server.words import text

ALERTED: Final = (
    Cause(
        "break-glass",
        Severity.CRITICAL,
        Owner.ADMIN,
        text("Break-glass account used"),
        text("Somebody logged in with a break-glass account."),
        text("Find out who and why, in the audit trail; change its password afterwards."),
    ),
    Cause(
        "refusals",
        Severity.WARNING,
        Owner.IT,
        text("Many refusals"),
        text("The receiver refuses far more batches and notes than usual."),
        text("See in the metrics and the dashboard which code it is, and of which devices."),
    ),
    Cause(
        "enrolment-refused",
        Severity.WARNING,
        Owner.RECORDS,
        text("Enrolment refused"),
        text("Somebody has a token that lets nobody in any more: used up, expired or taken back."),
        text("See under Problems which code it is, and take the leave back where it was stolen."),
    ),
    Cause(
        "forked",
        Severity.CRITICAL,
        Owner.RECORDS,
        text("Log forked"),
        text("The log signed two trees that contradict each other; nothing is sealed any more."),
        text("Keep everything as it is, and tell the records office."),
    ),
)
